import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Page } from "playwright-core";
import {
  ALICE,
  browserTest,
  fillAndSend,
  NOT_ON_DENO,
  pathOf,
  type Stage,
  send,
  useBrowser,
} from "./support/browser.ts";
import { giveSession } from "./support/page-states.ts";
import { until } from "./support/poll.ts";
import { onlyOnBun } from "./support/runtime.ts";
import { givePasskey, onlyPasskey, plugIn } from "./support/virtual-authenticator.ts";

const LOCALHOST = { host: "localhost" } as const;

const alert = (page: Page) => page.getByRole("alert").filter({ hasText: /./ });
const addButton = (page: Page) => page.getByRole("button", { name: "Add a passkey" });
const names = (page: Page) => page.getByRole("listitem").locator("strong").allTextContents();

/** A browser with a session and a phone, at the page "Security". */
async function openSecurity(stage: Stage, page = stage.page) {
  const phone = await plugIn(page);
  await giveSession(stage, undefined, page);
  await page.goto("/security/");
  return phone;
}

const base64 = (text: string) => Buffer.from(text).toString("base64");

/** The name of the button that has the focus. */
const focusedButton = (page: Page) => page.evaluate(() => document.activeElement?.textContent?.trim());

describe("on the page Security, a passkey", onlyOnBun(NOT_ON_DENO), () => {
  useBrowser();

  browserTest(
    "is added with two clicks from the profile, and its recovery codes are shown once",
    async (stage) => {
      const { page } = stage;
      const phone = await plugIn(page);
      await giveSession(stage);
      await page.goto("/profile/");
      await page.getByRole("link", { name: "Security", exact: true }).click();
      await addButton(page).click();
      await page.getByRole("heading", { name: "Recovery codes", level: 1 }).waitFor();
      assert.equal(await page.getByRole("listitem").count(), 10);
      await page.getByRole("button", { name: "Print" }).waitFor();
      assert.equal((await onlyPasskey(phone)).userName, "alice");
      await page.getByRole("link", { name: "I have stored the codes" }).click();
      await page.getByText("10 codes are left.").waitFor();
      assert.deepEqual(await names(page), ["Chrome on Linux"]);
      await page.getByText("Synced").waitFor();
      await page.getByText("Never used").waitFor();
    },
    LOCALHOST,
  );

  browserTest(
    "is added under a name, by Enter, renamed, and removed; then the browser forgets it",
    async (stage) => {
      const { page } = stage;
      const phone = await openSecurity(stage);
      await page.getByLabel("Name of the new passkey").fill("My phone");
      await page.keyboard.press("Enter");
      await page.getByRole("link", { name: "I have stored the codes" }).click();
      await page.getByText("Rename or remove…").click();
      await page.getByLabel("Name", { exact: true }).fill("Ada’s <b>phone</b>");
      await send(page, "Save the name");
      await page.getByText("The passkey was renamed.").waitFor();
      assert.deepEqual(await names(page), ["Ada’s <b>phone</b>"]);
      await page.getByText("Rename or remove…").click();
      await page.getByText("No second factor is left then.").waitFor();
      await send(page, "Remove the passkey: Ada’s <b>phone</b>");
      await page.getByText("The passkey was removed.").waitFor();
      assert.deepEqual(await names(page), []);
      await until("the phone has no passkey", async () => (await phone.passkeys()).length === 0);
    },
    LOCALHOST,
  );

  browserTest(
    "is forgotten by the browser if it was removed elsewhere, and shows the user’s new name",
    async (stage) => {
      const { page, services } = stage;
      const phone = await plugIn(page);
      await givePasskey(stage);
      const kept = await onlyPasskey(phone);
      await services.db.updateTable("users").set({ first_name: "Alice", last_name: "Liddell" }).execute();
      await page.goto("/security/");
      await until("the phone has the new name", async () =>
        (await phone.passkeys()).some((one) => one.userDisplayName === "Alice Liddell"),
      );
      await phone.removeAll();
      await phone.put({ ...kept, credentialId: base64("removed elsewhere") });
      await phone.put({ ...kept, credentialId: base64("another user’s"), userHandle: base64("another user") });
      await page.reload();
      await until("the phone has one passkey", async () => (await phone.passkeys()).length === 1);
      assert.equal((await onlyPasskey(phone)).credentialId, base64("another user’s"));
    },
    LOCALHOST,
  );

  browserTest(
    "is denied in plain words if the device has one, and if the person cancels; the focus stays on the button",
    async (stage) => {
      const { page } = stage;
      const phone = await plugIn(page);
      await givePasskey(stage);
      await page.goto("/security/");
      await addButton(page).click();
      await alert(page).getByText("This device already has a passkey for your account.").waitFor();
      assert.equal(await focusedButton(page), "Add a passkey");
      await phone.removeAll();
      await phone.verifyUser(false);
      await page.evaluate(() => {
        navigator.credentials.create = async () => {
          throw new DOMException("The operation either timed out or was not allowed.", "NotAllowedError");
        };
      });
      await page.keyboard.press("Enter");
      await alert(page).getByText("No passkey was added. You cancelled, or the time ran out.").waitFor();
      assert.equal(await focusedButton(page), "Add a passkey");
      assert.equal((await names(page)).length, 1);
    },
    LOCALHOST,
  );

  browserTest(
    "needs a recent login: the page for that leads back",
    async (stage) => {
      const { page, clock, expectStatus } = stage;
      expectStatus(403);
      await openSecurity(stage);
      clock.advance(11 * 60);
      await addButton(page).click();
      await page.waitForURL(/\/reauth\/\?next=%2Fsecurity%2F/);
      await fillAndSend(page, { Password: ALICE.password }, "Confirm");
      assert.equal(pathOf(page), "/security/");
      await addButton(page).click();
      await page.getByRole("link", { name: "I have stored the codes" }).waitFor();
    },
    LOCALHOST,
  );

  browserTest(
    "is not added after a logout in another tab, or if the server cannot be reached",
    async (stage) => {
      const { page } = stage;
      await openSecurity(stage);
      await page.evaluate(`fetch = () => Promise.reject(new TypeError("Failed to fetch"))`);
      await addButton(page).click();
      await alert(page).getByText("The server cannot be reached. Check your connection, and try again.").waitFor();
      const other = await page.context().newPage();
      await other.goto("/profile/");
      await send(other, "Log out");
      await page.waitForURL("/login/?next=%2Fsecurity%2F");
    },
    LOCALHOST,
  );

  browserTest(
    "is added in two tabs, one after the other",
    async (stage) => {
      const { page } = stage;
      await openSecurity(stage);
      const other = await page.context().newPage();
      await plugIn(other);
      await other.goto("/security/");
      await addButton(page).click();
      await page.getByRole("link", { name: "I have stored the codes" }).waitFor();
      await other.getByLabel("Name of the new passkey").fill("Second");
      await addButton(other).click();
      await other.getByText("The passkey is added.").waitFor();
      assert.deepEqual((await names(other)).sort(), ["Chrome on Linux", "Second"]);
    },
    LOCALHOST,
  );

  browserTest(
    "works in a browser without the JSON of WebAuthn Level 3, and with a password manager whose objects lack it",
    async (stage) => {
      const { page } = stage;
      await page.addInitScript(() => {
        Reflect.deleteProperty(PublicKeyCredential, "parseCreationOptionsFromJSON");
        Reflect.deleteProperty(PublicKeyCredential, "parseRequestOptionsFromJSON");
        Reflect.deleteProperty(PublicKeyCredential.prototype, "toJSON");
      });
      await openSecurity(stage);
      await addButton(page).click();
      await page.getByRole("link", { name: "I have stored the codes" }).click();
      await send(page, "Log out");
      await page.waitForURL("/profile/"); // By autofill, which the virtual phone answers at once.
    },
    { ...LOCALHOST, leavesTraces: true },
  );
});

describe("the page Security without passkeys in the browser", onlyOnBun(NOT_ON_DENO), () => {
  useBrowser();
  const needs = "Passkeys need JavaScript, HTTPS and a browser that has them.";

  browserTest(
    "says what they need, without script, and renames and removes one",
    async (stage) => {
      const { page, visit } = stage;
      const adding = await visit({ javaScriptEnabled: true });
      await plugIn(adding);
      await givePasskey(stage, adding);
      await page.context().addCookies(await adding.context().cookies());
      await page.goto("/security/");
      await page.locator("noscript p", { hasText: needs }).waitFor();
      assert.equal(await addButton(page).count(), 0);
      await page.getByText("Rename or remove…").click();
      await page.getByLabel("Name", { exact: true }).fill("Old phone");
      await send(page, "Save the name");
      assert.deepEqual(await names(page), ["Old phone"]);
      await page.getByText("Rename or remove…").click();
      await send(page, "Remove the passkey: Old phone");
      assert.deepEqual(await names(page), []);
    },
    { ...LOCALHOST, javaScriptEnabled: false },
  );

  browserTest(
    "says what they need, with script",
    async (stage) => {
      const { page } = stage;
      await page.addInitScript(() => Reflect.deleteProperty(window, "PublicKeyCredential"));
      await giveSession(stage);
      await page.goto("/security/");
      await page.getByText(needs).waitFor();
      assert.equal(await addButton(page).count(), 0);
    },
    { ...LOCALHOST, leavesTraces: true },
  );

  browserTest("does not speak of them at an address that can have none", async (stage) => {
    await giveSession(stage);
    await stage.page.goto("/security/");
    await stage.page.getByRole("heading", { name: "Authenticator app" }).waitFor();
    assert.equal(await stage.page.getByText("passkey").count(), 0);
  });

  browserTest(
    "says so if the passkeys belong to another domain",
    async (stage) => {
      const { page } = stage;
      await openSecurity(stage);
      await page.route("**/security/passkeys/options/", async (route) => {
        const response = await route.fetch();
        const options = await response.json();
        await route.fulfill({ response, json: { ...options, rp: { ...options.rp, id: "postern.test" } } });
      });
      await addButton(page).click();
      await alert(page).getByText("Passkeys do not work at this address.").waitFor();
    },
    LOCALHOST,
  );
});
