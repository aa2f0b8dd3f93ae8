import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe } from "node:test";
import { ALICE, browserTest, fillAndSend, focused, NOT_ON_DENO, pathOf, send, useBrowser } from "./support/browser.ts";
import { DELETION_ON } from "./support/deletion-states.ts";
import { giveSession } from "./support/page-states.ts";
import { onlyOnBun } from "./support/runtime.ts";

for (const javaScriptEnabled of [true, false]) {
  describe(`a user with${javaScriptEnabled ? "" : "out"} script`, onlyOnBun(NOT_ON_DENO), () => {
    useBrowser();

    browserTest(
      "downloads the data from the profile, and stays there",
      async (stage) => {
        const { page } = stage;
        await giveSession(stage);
        await page.goto("/profile/");
        const [download] = await Promise.all([
          page.waitForEvent("download"),
          page.getByRole("link", { name: "Download your data" }).click(),
        ]);
        assert.equal(download.suggestedFilename(), "account-alice-2026-01-01.json");
        const { profile } = JSON.parse(await readFile(await download.path(), "utf8"));
        assert.equal(profile.username, "alice");
        assert.equal(pathOf(page), "/profile/");
      },
      { javaScriptEnabled },
    );

    browserTest(
      "deletes the account from the profile, and cannot log in any more",
      async (stage) => {
        const { page, expectStatus, services } = stage;
        expectStatus(400);
        await giveSession(stage);
        await page.goto("/profile/");
        await page.getByRole("link", { name: "Delete account…" }).click();
        await page.getByText("This cannot be undone.").waitFor();
        await page.getByRole("link", { name: "Cancel" }).click();
        assert.equal(pathOf(page), "/profile/");
        await page.goto("/account/delete/");
        await fillAndSend(page, { "Current password": "wrong" }, "Delete my account");
        await page.getByText("This is not your current password.").waitFor();
        assert.equal(await focused(page), "password");
        await fillAndSend(page, { "Current password": ALICE.password }, "Delete my account");
        await page.getByText("Your account is deleted.").waitFor();
        assert.deepEqual(await page.context().cookies(), []);
        assert.deepEqual(await services.db.selectFrom("users").selectAll().execute(), []);
        await page.goto("/profile/");
        assert.equal(pathOf(page), "/login/?next=%2Fprofile%2F");
        await page.getByLabel("Username").fill(ALICE.username);
        await page.getByLabel("Password", { exact: true }).fill(ALICE.password);
        await send(page, "Log in");
        await page.getByText("That username or password is not right.").waitFor();
      },
      { environment: DELETION_ON, javaScriptEnabled },
    );
  });
}
