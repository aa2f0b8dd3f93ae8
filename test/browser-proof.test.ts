import assert from "node:assert/strict";
import { describe } from "node:test";
import {
  ALICE,
  browserTest,
  fillAndSend,
  focused,
  NOT_ON_DENO,
  pathOf,
  type Stage,
  useBrowser,
} from "./support/browser.ts";
import { codeAt } from "./support/factors.ts";
import { giveSession } from "./support/page-states.ts";
import { openProofWithApp } from "./support/proof-states.ts";
import { onlyOnBun } from "./support/runtime.ts";
import { plugIn } from "./support/virtual-authenticator.ts";

for (const javaScriptEnabled of [true, false]) {
  describe(
    `a user with${javaScriptEnabled ? "" : "out"} script whose login is older than ten minutes`,
    onlyOnBun(NOT_ON_DENO),
    () => {
      useBrowser();

      browserTest(
        "confirms by the password, and then changes the address",
        async (stage) => {
          const { page, clock } = stage;
          stage.expectStatus(400);
          await giveSession(stage);
          await page.goto("/profile/");
          clock.advance(601);
          const details = { "Email address": "new@example.com" };
          await fillAndSend(page, details, "Save");
          assert.equal(pathOf(page), "/reauth/?next=%2Fprofile%2F&repeat=on");
          await page.getByText("Nothing has happened yet. After this step, do it again.").waitFor();
          assert.equal(await focused(page), "password");
          await fillAndSend(page, { Password: "wrong" }, "Confirm");
          await page.getByText("This is not your current password.").waitFor();
          assert.equal(await focused(page), "password");
          await fillAndSend(page, { Password: ALICE.password }, "Confirm");
          await page.getByText("You can go on now.").waitFor();
          await fillAndSend(page, details, "Save");
          await page.getByText("Your details are saved.").waitFor();
          assert.equal(await page.getByLabel("Email address").inputValue(), "new@example.com");
        },
        { javaScriptEnabled },
      );

      browserTest(
        "confirms before a download, which then comes from the same link",
        async (stage) => {
          const { page, clock } = stage;
          await giveSession(stage);
          await page.goto("/profile/");
          clock.advance(601);
          const link = page.getByRole("link", { name: "Download your data" });
          await link.click();
          await page.waitForURL("/reauth/?repeat=on");
          await fillAndSend(page, { Password: ALICE.password }, "Confirm");
          assert.equal(new URL(page.url()).pathname, "/profile/");
          await page.getByText("You can go on now.").waitFor();
          const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
          assert.equal(download.suggestedFilename(), "account-alice-2026-01-01.json");
        },
        { javaScriptEnabled },
      );

      browserTest(
        "confirms by a code of the authenticator app",
        async (stage) => {
          const { page, clock } = stage;
          stage.expectStatus(400);
          const secret = await openProofWithApp(stage, "?next=/sessions/");
          await fillAndSend(page, { Code: "000000" }, "Confirm with the code");
          await page.getByText("This code is not right, or it was used already.").waitFor();
          assert.equal(await focused(page), "code");
          await fillAndSend(page, { Code: codeAt(secret, clock.now) }, "Confirm with the code");
          assert.equal(pathOf(page), "/sessions/");
        },
        { javaScriptEnabled },
      );
    },
  );
}

describe("a user with a passkey", onlyOnBun(NOT_ON_DENO), () => {
  useBrowser();

  /** Adds a passkey, and lets the proof that was needed for that grow old. */
  async function addPasskey(stage: Stage): Promise<void> {
    const { page, clock } = stage;
    await plugIn(page);
    await giveSession(stage);
    await page.goto("/security/");
    await page.getByRole("button", { name: "Add a passkey" }).click();
    await page.getByRole("link", { name: "I have stored the codes" }).waitFor();
    clock.advance(601);
  }

  browserTest(
    "confirms with one click, and comes back to the page with a notice",
    async (stage) => {
      const { page, services } = stage;
      await addPasskey(stage);
      await page.goto("/profile/");
      await fillAndSend(page, { "Email address": "new@example.com" }, "Save");
      assert.equal(pathOf(page), "/reauth/?next=%2Fprofile%2F&repeat=on");
      await page.locator("button:focus").waitFor();
      await page.getByRole("button", { name: "Use a passkey" }).click();
      await page.waitForURL("/profile/**");
      await page.getByText("You can go on now.").waitFor();
      const { amr } = await services.db.selectFrom("sessions").select("amr").executeTakeFirstOrThrow();
      assert.match(amr, /pop/);
    },
    { host: "localhost" },
  );

  browserTest(
    "and an unusable password has the passkey alone",
    async (stage) => {
      const { page, services } = stage;
      await addPasskey(stage);
      await services.db.updateTable("users").set({ password: "!" }).execute();
      await page.goto("/reauth/?next=/sessions/");
      assert.equal(await page.getByLabel("Password").count(), 0);
      await page.getByRole("button", { name: "Use a passkey" }).click();
      await page.waitForURL("/sessions/");
    },
    { host: "localhost" },
  );
});
