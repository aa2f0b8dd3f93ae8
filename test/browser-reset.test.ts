import assert from "node:assert/strict";
import { describe } from "node:test";
import {
  browserTest,
  fillAndSend,
  focused,
  logIn,
  NOT_ON_DENO,
  pathOf,
  type Stage,
  send,
  useBrowser,
} from "./support/browser.ts";
import { askForReset, giveAddress, openLink, WITH_MAIL } from "./support/mail-page-states.ts";
import { giveSession } from "./support/page-states.ts";
import { onlyOnBun } from "./support/runtime.ts";
import { tokenIn } from "./support/test-app.ts";

const NEW_PASSWORD = "cyan giraffe umbrella";

/** The path of the link that was just sent. */
async function sentLink({ deliver }: Stage): Promise<string> {
  const mail = (await deliver()).at(-1);
  assert(mail);
  return `/password/reset/confirm/?token=${tokenIn(mail)}`;
}

for (const javaScriptEnabled of [true, false]) {
  describe(`a person with${javaScriptEnabled ? "" : "out"} script who`, onlyOnBun(NOT_ON_DENO), () => {
    const visitor = { environment: WITH_MAIL, ...(javaScriptEnabled ? {} : { javaScriptEnabled }) };
    useBrowser();

    browserTest(
      "forgot the password gets from the login to a new one",
      async (stage) => {
        const { page, visit, expectStatus } = stage;
        expectStatus(400);
        await giveAddress(stage);
        const other = await visit();
        await giveSession(stage, undefined, other);
        await askForReset(page);
        assert.equal(pathOf(page), "/password/reset/sent/");
        await page.getByText("try your username").waitFor();
        const link = await sentLink(stage);
        await page.goto(link);
        await page.getByText("just now").waitFor();
        assert.equal(await focused(page), "new_password");
        if (javaScriptEnabled) assert.equal(pathOf(page), "/password/reset/confirm/");
        await fillAndSend(page, { "New password": "alice1" }, "Set the password");
        await page.getByText("too similar to the username").waitFor();
        await fillAndSend(page, { "New password": NEW_PASSWORD }, "Set the password");
        assert.equal(pathOf(page).split("?")[0], "/profile/");
        await page.getByText("Your password is changed.").waitFor();
        await other.goto("/profile/");
        assert.equal(pathOf(other), "/login/?next=%2Fprofile%2F");
        await logIn(other, { username: "alice", password: NEW_PASSWORD });
        assert.equal(pathOf(other), "/profile/");
        await other.goto(link);
        await other.getByRole("heading", { name: "This link no longer works" }).waitFor();
        await other.getByRole("link", { name: "Ask for a new password" }).click();
        await other.getByLabel("Username or email address").waitFor();
      },
      visitor,
    );

    browserTest(
      "asks for an unknown name sees the same page",
      async (stage) => {
        await askForReset(stage.page, "unknown");
        assert.equal(pathOf(stage.page), "/password/reset/sent/");
        assert.deepEqual(await stage.deliver(), []);
      },
      visitor,
    );

    browserTest(
      "reports a notice is logged out everywhere, and reads where the link went",
      async (stage) => {
        const { page, visit, expectStatus } = stage;
        expectStatus(400);
        const thief = await visit();
        await giveSession(stage, undefined, thief);
        await openLink(stage, { purpose: "new_device" });
        for (const text of ["New login to your account", "5 minutes ago", "Firefox on Linux", "192.0.2.66"]) {
          await page.getByText(text).waitFor();
        }
        await thief.goto("/profile/");
        assert.equal(pathOf(thief), "/profile/");
        await send(page, "Secure my account");
        await page.getByRole("heading", { name: "Your account is secured" }).waitFor();
        await thief.goto("/profile/");
        assert.equal(pathOf(thief), "/login/?next=%2Fprofile%2F");
        await logIn(thief);
        await thief.getByText("That username or password is not right.").waitFor();
        await page.goto(await sentLink(stage));
        await fillAndSend(page, { "New password": NEW_PASSWORD }, "Set the password");
        assert.equal(pathOf(page).split("?")[0], "/profile/");
      },
      visitor,
    );
  });
}
