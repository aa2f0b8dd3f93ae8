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
import { logInElsewhere, withoutNativeChecks } from "./support/page-states.ts";
import { onlyOnBun } from "./support/runtime.ts";

const NEW_PASSWORD = "cyan giraffe umbrella";

const devices = (page: Page) => page.locator("ul.sessions:not(.known) > li");

async function assertThrownOut(page: Page): Promise<void> {
  await page.goto("/profile/");
  assert.equal(pathOf(page), "/login/?next=%2Fprofile%2F");
}

for (const javaScriptEnabled of [true, false]) {
  describe(`a member with${javaScriptEnabled ? "" : "out"} script`, onlyOnBun(NOT_ON_DENO), () => {
    const visitor = { javaScriptEnabled };
    useBrowser();

    browserTest(
      "changes the password, which throws every other browser out and keeps this one",
      async ({ page, visit, expectStatus }) => {
        expectStatus(400);
        const other = await visit();
        for (const somebody of [page, other]) await logIn(somebody);
        await page.getByRole("link", { name: "Change password" }).click();
        await fillAndSend(page, { "Current password": "wrong", "New password": NEW_PASSWORD }, "Change password");
        await page.getByText("Your old password was entered incorrectly. Please enter it again.").waitFor();
        assert.equal(await focused(page), "current_password");
        await fillAndSend(page, { "Current password": ALICE.password, "New password": "short" }, "Change password");
        await page.getByText("This password is too short. It must contain at least 8 characters.").waitFor();
        assert.equal(await focused(page), "new_password");
        await fillAndSend(
          page,
          { "Current password": ALICE.password, "New password": NEW_PASSWORD },
          "Change password",
        );
        await page.getByText("Your password is changed, and every other session is ended.").waitFor();
        await page.goto("/sessions/");
        assert.equal(await devices(page).count(), 1);
        await assertThrownOut(other);
        await logIn(other, { ...ALICE, password: NEW_PASSWORD });
        assert.equal(pathOf(other), "/profile/");
      },
      visitor,
    );

    browserTest(
      "ends one session from the list, then all others, then this one",
      async (stage) => {
        const { page, visit } = stage;
        const other = await visit({
          userAgent: "Mozilla/5.0 (Windows NT 10.0; rv:128.0) Gecko/20100101 Firefox/128.0",
        });
        await logIn(other);
        await logIn(page);
        for (const program of ["HTTPie/3.2.2", "curl/8.5.0"]) await logInElsewhere(stage, program);
        await page.goto("/sessions/");
        assert.equal(await devices(page).count(), 4);
        await send(page, "End the session of Firefox on Windows");
        await page.getByText("The session is ended.").waitFor();
        assert.equal(await devices(page).count(), 3);
        await assertThrownOut(other);
        await send(page, "End all other sessions");
        await page.getByText("Every other session is ended.").waitFor();
        assert.equal(await devices(page).count(), 1);
        assert.equal(await page.getByRole("button", { name: "End all other sessions" }).count(), 0);
        await devices(page).getByRole("button").click();
        await page.getByText("You are logged out.").waitFor();
        await assertThrownOut(page);
      },
      visitor,
    );

    browserTest(
      "edits the profile, and gets what is wrong shown again as it was typed",
      async ({ page, expectStatus }) => {
        expectStatus(400);
        await logIn(page);
        const details = { "First name (optional)": `<b>"Zoë" & 'Bo'</b>`, "Email address (optional)": "zoe at home" };
        await withoutNativeChecks(page);
        await fillAndSend(page, details, "Save");
        await page.getByText("Enter a valid email address.").waitFor();
        assert.equal(await focused(page), "email");
        for (const [label, value] of Object.entries(details)) {
          assert.equal(await page.getByLabel(label).inputValue(), value);
        }
        await fillAndSend(page, { "Email address (optional)": "zoe@EXAMPLE.com" }, "Save");
        await page.getByText("Your details are saved.").waitFor();
        await page.goto("/profile/");
        assert.equal(await page.getByLabel("First name").inputValue(), details["First name (optional)"]);
        assert.equal(await page.getByLabel("Email address").inputValue(), "zoe@example.com");
      },
      visitor,
    );
  });
}
