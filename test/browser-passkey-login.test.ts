import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Page } from "playwright-core";
import { ALICE, browserTest, fillAndSend, focused, logIn, NOT_ON_DENO, pathOf, useBrowser } from "./support/browser.ts";
import { createClient } from "./support/client.ts";
import { until } from "./support/poll.ts";
import { onlyOnBun } from "./support/runtime.ts";
import { givePasskey, onlyPasskey, plugIn, withoutAutofill } from "./support/virtual-authenticator.ts";

const LOCALHOST = { host: "localhost" } as const;

const alert = (page: Page) => page.locator(".passkey").getByRole("alert").filter({ hasText: /./ });
const loginButton = (page: Page) => page.getByRole("button", { name: "Log in with a passkey" });
const secondButton = (page: Page) => page.getByRole("button", { name: "Use a passkey" });

/** The text of the button that has the focus. */
const focusedButton = (page: Page) => page.evaluate(() => document.activeElement?.textContent?.trim());

const logOut = (page: Page) => page.context().clearCookies();

describe("a login with a passkey alone", onlyOnBun(NOT_ON_DENO), () => {
  useBrowser();

  browserTest(
    "leads to the requested page, and not to a page of another site",
    async (stage) => {
      const { page } = stage;
      await withoutAutofill(page);
      await plugIn(page);
      await givePasskey(stage);
      for (const [next, target] of [
        ["/sessions/?cursor=", "/sessions/?cursor="],
        ["https://evil.example/", "/profile/"],
        ["javascript:alert(1)", "/profile/"],
      ] as const) {
        await logOut(page);
        await page.goto(`/login/?${new URLSearchParams({ next })}`);
        assert.equal(await focused(page), "username");
        await loginButton(page).click();
        await page.waitForURL(`**${target}`);
      }
    },
    LOCALHOST,
  );

  browserTest(
    "is offered by the autofill of the username",
    async (stage) => {
      const { page } = stage;
      const phone = await plugIn(page);
      await givePasskey(stage);
      await logOut(page);
      await phone.touch(false);
      await page.goto("/login/?next=%2Fsessions%2F");
      assert.equal(await page.getByLabel("Username").getAttribute("autocomplete"), "username webauthn");
      await loginButton(page).waitFor();
      await phone.touch(true);
      await page.reload();
      await page.waitForURL("/sessions/");
    },
    LOCALHOST,
  );

  browserTest(
    "reloads another tab to its requested page",
    async (stage) => {
      const { page } = stage;
      await withoutAutofill(page);
      await plugIn(page);
      await givePasskey(stage);
      await logOut(page);
      await page.goto("/login/");
      const other = await page.context().newPage();
      await other.goto("/activity/");
      assert.equal(pathOf(other), "/login/?next=%2Factivity%2F");
      await loginButton(page).click();
      await page.waitForURL("/profile/");
      await other.waitForURL("/activity/");
    },
    LOCALHOST,
  );

  browserTest(
    "that the person cancels is explained, the focus stays, and the password works",
    async (stage) => {
      const { page } = stage;
      await withoutAutofill(page);
      const phone = await plugIn(page);
      await givePasskey(stage);
      await logOut(page);
      await phone.verifyUser(false);
      await page.goto("/login/");
      await loginButton(page).click();
      await alert(page).getByText("No passkey was used. If you have none, log in with your password.").waitFor();
      assert.equal(await focusedButton(page), "Log in with a passkey");
      await phone.verifyUser(true);
      await page.keyboard.press("Enter");
      await page.waitForURL("/profile/");
    },
    LOCALHOST,
  );

  browserTest(
    "is not offered before the site has its first passkey",
    async ({ page }) => {
      await page.goto("/login/");
      await page.getByRole("button", { name: "Show: Password" }).waitFor(); // The script has run.
      assert.equal(await page.getByText("passkey").count(), 0);
    },
    LOCALHOST,
  );

  browserTest(
    "is denied if the passkey was removed; then the browser forgets it",
    async (stage) => {
      const { page, services, expectStatus } = stage;
      expectStatus(400);
      await withoutAutofill(page);
      const phone = await plugIn(page);
      await givePasskey(stage);
      await logOut(page);
      await page.goto("/login/");
      await services.db.deleteFrom("passkeys").execute();
      await loginButton(page).click();
      await alert(page).getByText("This passkey does not work any more. Use another way to log in.").waitFor();
      await until("the phone has no passkey", async () => (await phone.passkeys()).length === 0);
    },
    LOCALHOST,
  );

  browserTest(
    "is denied if the passkey was copied, which the account’s activity shows; the copy is not forgotten",
    async (stage) => {
      const { page, expectStatus } = stage;
      expectStatus(400);
      await withoutAutofill(page);
      const phone = await plugIn(page);
      await givePasskey(stage);
      const early = await onlyPasskey(phone);
      await logOut(page);
      await page.goto("/login/");
      await loginButton(page).click();
      await page.waitForURL("/profile/");
      await phone.removeAll();
      await phone.put({ ...early, signCount: 0 });
      const session = await page.context().cookies();
      await logOut(page);
      await page.goto("/login/");
      await loginButton(page).click();
      await alert(page).getByText("The passkey was not accepted. Try again.").waitFor();
      assert.equal((await phone.passkeys()).length, 1);
      await page.context().addCookies(session);
      await page.goto("/activity/");
      await page.getByText("Passkey denied: there may be a copy").waitFor();
    },
    LOCALHOST,
  );

  browserTest(
    "is counted: after too many from one network, the page says how long to wait",
    async (stage) => {
      const { page, app, origin, expectStatus } = stage;
      expectStatus(429);
      await withoutAutofill(page);
      await plugIn(page);
      await givePasskey(stage);
      await logOut(page);
      await page.goto("/login/");
      const { post } = createClient(app, new URL(origin).host, "127.0.0.1");
      while ((await post("/login/passkey/options/", {}, { "Sec-Fetch-Site": "same-origin" })).status !== 429);
      await loginButton(page).click();
      await alert(page)
        .getByText(/^Too many attempts\. Try again in \d+ seconds?\.$/)
        .waitFor();
    },
    LOCALHOST,
  );

  browserTest(
    "asks for a new challenge before the old one expires",
    async (stage) => {
      const { page } = stage;
      const phone = await plugIn(page);
      await givePasskey(stage);
      await logOut(page);
      await phone.touch(false);
      await page.clock.install();
      const isOptions = (url: string) => url.endsWith("/login/passkey/options/");
      const first = page.waitForResponse((response) => isOptions(response.url()));
      await page.goto("/login/");
      await (await first).finished();
      const second = page.waitForResponse((response) => isOptions(response.url()));
      let isAsked = false;
      void second.then(() => (isAsked = true));
      await until("a second challenge", async () => {
        await page.clock.runFor(60_000);
        return isAsked;
      });
    },
    { ...LOCALHOST, leavesTraces: true },
  );

  browserTest(
    "speaks Italian",
    async (stage) => {
      const { page } = stage;
      await withoutAutofill(page);
      const phone = await plugIn(page);
      await givePasskey(stage);
      await logOut(page);
      await phone.verifyUser(false);
      await page.goto("/login/");
      await page.getByRole("button", { name: "Accedi con una passkey" }).click();
      await alert(page).getByText("Nessuna passkey è stata usata. Se non ne hai, accedi con la password.").waitFor();
    },
    { ...LOCALHOST, locale: "it-IT" },
  );
});

describe("the second step of a login", onlyOnBun(NOT_ON_DENO), () => {
  useBrowser();

  browserTest(
    "has the button for passkeys first, which leads to the requested page and remembers the browser",
    async (stage) => {
      const { page } = stage;
      await withoutAutofill(page);
      await plugIn(page);
      await givePasskey(stage);
      await logOut(page);
      await page.goto("/login/?next=%2Fsessions%2F");
      await fillAndSend(page, { Username: ALICE.username, Password: ALICE.password }, "Log in");
      assert.equal(pathOf(page), "/login/second-factor/?next=%2Fsessions%2F");
      await secondButton(page).waitFor();
      assert.equal(await focusedButton(page), "Use a passkey");
      await page.getByLabel("Do not ask for a code on this browser").check();
      await secondButton(page).click();
      await page.waitForURL("/sessions/");
      await page.getByText("Remembered until").waitFor();
    },
    LOCALHOST,
  );

  browserTest(
    "takes a security key that cannot check its user, and a login with it alone is denied",
    async (stage) => {
      const { page } = stage;
      await withoutAutofill(page);
      await plugIn(page, "security key");
      await givePasskey(stage);
      await logOut(page);
      await page.goto("/login/");
      await loginButton(page).click();
      await alert(page).getByText("No passkey was used. If you have none, log in with your password.").waitFor();
      await logIn(page);
      await secondButton(page).click();
      await page.waitForURL("/profile/");
    },
    LOCALHOST,
  );

  browserTest(
    "leads back to the login if it has expired",
    async (stage) => {
      const { page, clock, expectStatus } = stage;
      expectStatus(403);
      await withoutAutofill(page);
      await plugIn(page);
      await givePasskey(stage);
      await logOut(page);
      await logIn(page);
      clock.advance(11 * 60);
      await secondButton(page).click();
      await page.waitForURL("/login/");
    },
    LOCALHOST,
  );

  browserTest(
    "says without script what a passkey needs, and has the field for a recovery code",
    async (stage) => {
      const { page, visit } = stage;
      const adding = await visit({ javaScriptEnabled: true });
      await plugIn(adding);
      await givePasskey(stage, adding);
      await logIn(page);
      await page.locator("noscript p", { hasText: "Passkeys need JavaScript" }).waitFor();
      assert.equal(await secondButton(page).count(), 0);
      await page.getByRole("textbox", { name: "Code" }).waitFor();
    },
    { ...LOCALHOST, javaScriptEnabled: false },
  );
});
