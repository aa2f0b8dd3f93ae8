import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Page } from "playwright-core";
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
import { giveSession, logInElsewhere, logOutOthers, withoutNativeChecks } from "./support/page-states.ts";
import { onlyOnBun } from "./support/runtime.ts";

const NEW_PASSWORD = "cyan giraffe umbrella";

const devices = (page: Page) => page.locator("ul.sessions > li");

/** With script the page stays, so there is no `load` event to wait for. */
async function changePassword(page: Page, values: Record<string, string>): Promise<void> {
  for (const [label, value] of Object.entries(values)) await page.getByLabel(label, { exact: true }).fill(value);
  await page.getByRole("button", { name: "Change password" }).click();
}

async function assertThrownOut(page: Page): Promise<void> {
  await page.goto("/profile/");
  assert.equal(pathOf(page), "/login/?next=%2Fprofile%2F");
}

for (const javaScriptEnabled of [true, false]) {
  describe(`a user with${javaScriptEnabled ? "" : "out"} script`, onlyOnBun(NOT_ON_DENO), () => {
    const visitor = javaScriptEnabled ? {} : { javaScriptEnabled };
    useBrowser();

    browserTest(
      "changes the password, which logs every other browser out and keeps this one",
      async (stage) => {
        const { page, visit, expectStatus } = stage;
        expectStatus(400);
        const other = await visit();
        for (const browser of [page, other]) await giveSession(stage, ALICE, browser);
        await page.goto("/profile/");
        await page.getByRole("link", { name: "Change password" }).click();
        await page.getByText("At least 8 characters.").waitFor();
        await changePassword(page, { "Current password": "wrong", "New password": NEW_PASSWORD });
        await page.getByText("This is not your current password.").waitFor();
        assert.equal(await focused(page), "current_password");
        await changePassword(page, { "Current password": ALICE.password, "New password": "alice1" });
        for (const reason of ["too similar to the username", "at least 8 characters", "Choose another one"]) {
          await page.getByRole("listitem").filter({ hasText: reason }).waitFor();
        }
        assert.equal(await focused(page), "new_password");
        const kept = await page.getByLabel("Current password", { exact: true }).inputValue();
        assert.equal(kept, javaScriptEnabled ? ALICE.password : "");
        await changePassword(page, { "Current password": ALICE.password, "New password": NEW_PASSWORD });
        await page.getByText("Your password is changed. You are logged out everywhere else.").waitFor();
        await page.goto("/sessions/");
        assert.equal(await devices(page).count(), 1);
        await assertThrownOut(other);
        await logIn(other, { ...ALICE, password: NEW_PASSWORD });
        assert.equal(pathOf(other), "/profile/");
      },
      visitor,
    );

    browserTest(
      "ends one session from the list, then all others, then the current one",
      async (stage) => {
        const { page, visit } = stage;
        const other = await visit({
          userAgent: "Mozilla/5.0 (Windows NT 10.0; rv:128.0) Gecko/20100101 Firefox/128.0",
        });
        for (const browser of [other, page]) await giveSession(stage, ALICE, browser);
        for (const program of ["HTTPie/3.2.2", "curl/8.5.0"]) await logInElsewhere(stage, program);
        await page.goto("/sessions/");
        assert.equal(await devices(page).count(), 4);
        assert.match((await devices(page).first().textContent()) ?? "", /This device/);
        await send(page, "Log out: Firefox on Windows");
        await page.getByText("Firefox on Windows is logged out.").waitFor();
        assert.equal(await devices(page).count(), 3);
        await assertThrownOut(other);
        assert.equal(await page.getByRole("button", { name: "Yes, log out all others" }).isVisible(), false);
        await logOutOthers(page);
        await page.getByText("All other devices are logged out.").waitFor();
        assert.equal(await devices(page).count(), 1);
        assert.equal(await page.getByText("Log out all other devices…").count(), 0);
        await devices(page).getByRole("button").click();
        await page.getByText("You are logged out.").waitFor();
        await assertThrownOut(page);
      },
      visitor,
    );

    browserTest(
      "edits the profile, and sees an invalid value again unchanged",
      async (stage) => {
        const { page, expectStatus } = stage;
        expectStatus(400);
        await giveSession(stage);
        await page.goto("/profile/");
        const details = { "First name": `<b>"Zoë" & 'Bo'</b>`, "Email address": "zoe at home" };
        await withoutNativeChecks(page);
        await fillAndSend(page, details, "Save");
        await page.getByText("Enter a valid email address, such as name@example.com.").waitFor();
        assert.equal(await focused(page), "email");
        for (const [label, value] of Object.entries(details)) {
          assert.equal(await page.getByLabel(label).inputValue(), value);
        }
        await fillAndSend(page, { "Email address": "zoe@EXAMPLE.com" }, "Save");
        await page.getByText("Your details are saved.").waitFor();
        assert.match((await page.locator(":focus").textContent()) ?? "", /Your details are saved/);
        await page.goto("/profile/");
        assert.equal(await page.getByLabel("First name").inputValue(), details["First name"]);
        assert.equal(await page.getByLabel("Email address").inputValue(), "zoe@example.com");
      },
      visitor,
    );
  });
}
