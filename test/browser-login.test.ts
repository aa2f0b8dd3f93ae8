import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Page } from "playwright-core";
import { inviteFirstUser } from "../lib/users/invite-first-user.ts";
import {
  ALICE,
  browserTest,
  fillAndSend,
  focused,
  logIn,
  NOT_ON_DENO,
  pathOf,
  send,
  useBrowser,
} from "./support/browser.ts";
import { withoutNativeChecks } from "./support/page-states.ts";
import { onlyOnBun } from "./support/runtime.ts";

const WRONG = "That username or password is not right.";

/** Values of `next` that lead to another site. */
const ELSEWHERE = [
  "//evil.example",
  "/\\evil.example",
  "https://evil.example",
  "/.//evil.example",
  "/..//evil.example",
  "/%2e//evil.example",
  "/\t/evil.example",
  "/\n\\evil.example",
  "\\\\evil.example",
  "javascript:alert(1)",
  "evil.example",
  "http:evil.example",
];

const usernameShown = (page: Page) => page.getByRole("definition").first().textContent();

/** Sends the page's form with these values at once, for a test that sends many. Waits for the address, not for the page. */
async function sendForm(page: Page, values: Record<string, string>): Promise<void> {
  const send = page.locator("form").evaluate((form, values) => {
    if (!(form instanceof HTMLFormElement)) throw new Error("no form");
    for (const [name, value] of Object.entries(values))
      form.querySelector(`[name=${name}]`)?.setAttribute("value", value);
    form.requestSubmit();
  }, values);
  await Promise.all([page.waitForEvent("framenavigated"), send]);
}

for (const javaScriptEnabled of [true, false]) {
  describe(`a browser ${javaScriptEnabled ? "with" : "without"} script`, onlyOnBun(NOT_ON_DENO), () => {
    const visitor = javaScriptEnabled ? {} : { javaScriptEnabled };
    useBrowser();

    browserTest(
      "logs in, opens the profile, and logs out",
      async ({ page }) => {
        await page.goto("/");
        assert.equal(pathOf(page), "/login/");
        await logIn(page);
        assert.equal(pathOf(page), "/profile/");
        assert.equal(await usernameShown(page), "alice");
        await send(page, "Log out");
        await page.getByText("You are logged out.").waitFor();
        await page.goto("/profile/");
        assert.equal(pathOf(page), "/login/?next=%2Fprofile%2F");
      },
      visitor,
    );

    browserTest(
      "gets the form again if the password is wrong, with the name kept and the focus on the password",
      async ({ page, expectStatus }) => {
        expectStatus(400);
        await page.goto("/login/");
        const answer = page.waitForResponse((response) => response.request().method() === "POST");
        await fillAndSend(page, { Username: "alice", Password: "wrong" }, "Log in");
        assert.equal((await answer).status(), 400);
        await page.getByRole("alert").getByText(WRONG).waitFor();
        assert.equal(await page.getByLabel("Username").inputValue(), "alice");
        assert.equal(await page.getByLabel("Password", { exact: true }).inputValue(), "");
        assert.equal(await focused(page), "password");
        await fillAndSend(page, { Password: ALICE.password }, "Log in");
        assert.equal(pathOf(page), "/profile/");
      },
      visitor,
    );

    browserTest(
      "sees an error at every blank field, with the focus on the first",
      async ({ page, expectStatus }) => {
        expectStatus(400);
        await page.goto("/login/");
        await withoutNativeChecks(page);
        await send(page, "Log in");
        assert.equal(await page.getByText("This field is required.").count(), 2);
        assert.equal(await focused(page), "username");
        await withoutNativeChecks(page);
        await fillAndSend(page, { Username: "alice" }, "Log in");
        assert.equal(await focused(page), "password");
        const password = page.getByLabel("Password", { exact: true });
        const told = page.locator(`#${await password.getAttribute("aria-describedby")}`);
        assert.equal((await told.textContent())?.trim(), "This field is required.");
      },
      visitor,
    );

    browserTest(
      "does not see the profile by the back button after a logout",
      async ({ page }) => {
        await logIn(page);
        await page.goto("/sessions/");
        await send(page, "Log out");
        for (let steps = 0; steps < 2; steps++) {
          await page.goBack();
          await page.getByLabel("Username").waitFor();
          assert.match(pathOf(page), /^\/login\//);
        }
      },
      visitor,
    );

    browserTest(
      "is redirected to the requested page with its query after the login",
      async ({ page, expectStatus }) => {
        expectStatus(400);
        await page.goto("/sessions/?page=2&q=%26");
        assert.equal(new URL(page.url()).searchParams.get("next"), "/sessions/?page=2&q=%26");
        await fillAndSend(page, { Username: "alice", Password: "wrong" }, "Log in");
        await fillAndSend(page, { Password: ALICE.password }, "Log in");
        assert.equal(pathOf(page), "/sessions/?page=2&q=%26");
      },
      visitor,
    );

    browserTest(
      "stays on this site after a login with any next, also if it is logged in already",
      async ({ page, origin, visit }) => {
        for (const next of ELSEWHERE) {
          await page.context().clearCookies();
          await page.goto(`/login/?next=${encodeURIComponent(next)}`);
          await sendForm(page, ALICE);
          assert.equal(page.url(), `${origin}/profile/`, next);
          await page.goto(`/login/?next=${encodeURIComponent(next)}`, { waitUntil: "commit" });
          assert.equal(page.url(), `${origin}/profile/`, next);
        }
        const other = await visit();
        await other.goto("/login/");
        const field = '<input name="next" value="//evil.example">';
        await other.locator("form").evaluate((form, field) => form.insertAdjacentHTML("beforeend", field), field);
        await fillAndSend(other, { Username: "alice", Password: ALICE.password }, "Log in");
        assert.equal(other.url(), `${origin}/profile/`);
      },
      visitor,
    );

    browserTest(
      "creates the first user by the link, which works once",
      async ({ page, services, visit, expectStatus }) => {
        expectStatus(400, 404);
        const link = (await inviteFirstUser(services)) ?? "";
        await page.goto(link);
        await fillAndSend(page, { Username: "root", Password: "password" }, "Create user");
        await page.getByText("Many people use this password.").waitFor();
        assert.equal(await page.getByLabel("Username").inputValue(), "root");
        await fillAndSend(page, { Password: "cyan giraffe umbrella" }, "Create user");
        assert.equal(pathOf(page), "/profile/");
        assert.equal(await usernameShown(page), "root");
        for (const browser of [page, await visit()]) {
          assert.equal((await browser.goto(link))?.status(), 404);
          await browser.getByRole("heading", { name: "Page not found" }).waitFor();
        }
        assert.equal(await inviteFirstUser(services), null);
      },
      { ...visitor, users: [] },
    );
  });
}
