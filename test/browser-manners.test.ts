import assert from "node:assert/strict";
import { describe } from "node:test";
import { setTimeout } from "node:timers/promises";
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
import { giveSession } from "./support/page-states.ts";
import { onlyOnBun } from "./support/runtime.ts";

/** The accessible name of the focused element, and whether its focus is visible. */
async function focus(page: Page): Promise<{ name: string; isVisible: boolean }> {
  await page.locator(":focus").waitFor();
  return page.evaluate(() => {
    const element = document.activeElement ?? document.body;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    const label = element instanceof HTMLInputElement ? element.labels?.[0] : element;
    const name = element.getAttribute("aria-label") ?? label?.textContent ?? "";
    return { name: name.trim(), isVisible: outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 2 };
  });
}

async function tabTo(page: Page, name: string): Promise<void> {
  await page.keyboard.press("Tab");
  assert.deepEqual(await focus(page), { name, isVisible: true });
}

/** @returns the number of navigations of a tab in this time */
async function countNavigations(page: Page, during: () => Promise<unknown>): Promise<number> {
  let count = 0;
  page.on("framenavigated", () => void count++);
  await during();
  await setTimeout(1000);
  return count;
}

describe("with the keyboard alone", onlyOnBun(NOT_ON_DENO), () => {
  useBrowser();

  browserTest("a person logs in, shows the password, and logs out; the focus is always visible", async ({ page }) => {
    await page.goto("/login/");
    assert.deepEqual(await focus(page), { name: "Username", isVisible: true });
    await page.keyboard.type("alice");
    await tabTo(page, "Password");
    await page.keyboard.type(ALICE.password);
    const password = page.getByLabel("Password", { exact: true });
    await tabTo(page, "Show: Password");
    await page.keyboard.press("Space");
    assert.equal(await password.getAttribute("type"), "text");
    assert.deepEqual(await focus(page), { name: "Hide: Password", isVisible: true });
    await page.keyboard.press("Enter");
    assert.equal(await password.getAttribute("type"), "password");
    await tabTo(page, "Log in");
    await Promise.all([page.waitForURL("/profile/"), page.keyboard.press("Enter")]);
    for (const name of ["Postern", "Sessions", "Activity", "Security", "Profile: alice", "Log out"])
      await tabTo(page, name);
    await Promise.all([page.waitForURL("/login/**"), page.keyboard.press("Space")]);
    await page.getByText("You are logged out.").waitFor();
  });

  browserTest("Enter in a field sends the form, also in a shown password", async ({ page }) => {
    await page.goto("/login/");
    await page.getByLabel("Username").fill("alice");
    await page.getByRole("button", { name: "Show: Password" }).click();
    await page.getByLabel("Password", { exact: true }).fill(ALICE.password);
    await page.keyboard.press("Enter");
    await page.waitForURL("/profile/");
  });
});

describe("with several tabs", onlyOnBun(NOT_ON_DENO), () => {
  useBrowser();

  browserTest("a logout in one redirects the others to the login, once", async (stage) => {
    const { page } = stage;
    await giveSession(stage);
    await page.goto("/profile/");
    const other = await page.context().newPage();
    await other.goto("/sessions/");
    const count = await countNavigations(other, async () => {
      await send(page, "Log out");
      await other.getByLabel("Username").waitFor();
    });
    assert.equal(pathOf(other), "/login/?next=%2Fsessions%2F");
    assert.equal(count, 1);
    await page.getByText("You are logged out.").waitFor();
  });

  browserTest("a login in one redirects the others to their requested page, once", async ({ page }) => {
    await page.goto("/login/");
    const other = await page.context().newPage();
    await other.goto("/sessions/");
    const count = await countNavigations(other, async () => {
      await fillAndSend(page, { Username: "alice", Password: ALICE.password }, "Log in");
      await other.waitForURL("/sessions/");
    });
    assert.equal(count, 1);
  });

  browserTest("a half-typed login survives a login in another tab, and still works", async ({ page }) => {
    await page.goto("/login/");
    await page.getByLabel("Username").fill("ali");
    const other = await page.context().newPage();
    const count = await countNavigations(page, () => logIn(other));
    assert.equal(count, 0);
    assert.equal(await page.getByLabel("Username").inputValue(), "ali");
    await fillAndSend(page, { Username: "alice", Password: ALICE.password }, "Log in");
    assert.equal(pathOf(page), "/profile/");
  });

  browserTest("a logout in one clears the others of the user's data, typed text included", async (stage) => {
    const { page } = stage;
    await giveSession(stage);
    await page.goto("/profile/");
    const other = await page.context().newPage();
    await other.goto("/profile/");
    await other.getByLabel("First name").fill("Half a na");
    await send(page, "Log out");
    await other.waitForURL("/login/**");
  });
});

describe("the features of a browser", onlyOnBun(NOT_ON_DENO), () => {
  useBrowser();

  browserTest(
    "Italian is used if the browser prefers it, also in validation errors",
    async ({ page, expectStatus }) => {
      expectStatus(400);
      await page.goto("/login/");
      assert.equal(await page.locator("html").getAttribute("lang"), "it");
      await fillAndSend(page, { "Nome utente": "alice", Password: "sbagliata" }, "Accedi");
      await page.getByText("Nome utente o password non corretti.").waitFor();
      assert.equal(await focused(page), "password");
      await fillAndSend(page, { Password: ALICE.password }, "Accedi");
      await page.goto("/activity/");
      await page.getByRole("heading", { name: "oggi" }).waitFor();
      await page.locator("time", { hasText: "01:00" }).first().waitFor();
      await send(page, "Esci");
      await page.getByText("Sei uscito.").waitFor();
    },
    { locale: "it-IT", timezoneId: "Europe/Rome" },
  );

  browserTest("neither a reload nor a bookmark repeats an action", async (stage) => {
    const { page } = stage;
    await giveSession(stage);
    await page.goto("/profile/");
    await send(page, "Save");
    await page.getByText("Your details are saved.").waitFor();
    assert.equal(pathOf(page), "/profile/");
    await page.reload();
    assert.equal(await page.getByText("Your details are saved.").count(), 0);
  });

  browserTest("a double click sends a form once", async ({ page }) => {
    await page.goto("/login/");
    await page.getByLabel("Username").fill("alice");
    await page.getByLabel("Password", { exact: true }).fill(ALICE.password);
    const sent: string[] = [];
    page.on("request", (request) => void (request.method() === "POST" && sent.push(request.url())));
    await page.getByRole("button", { name: "Log in", exact: true }).dblclick();
    await page.waitForURL("/profile/");
    assert.equal(sent.length, 1);
  });

  browserTest(
    "a form without an answer can be sent again",
    async ({ page }) => {
      await page.clock.install();
      await page.goto("/login/");
      await page.getByLabel("Username").fill("alice");
      await page.getByLabel("Password", { exact: true }).fill(ALICE.password);
      // A 204 does not navigate, like a connection that the user cancels.
      await page.route("/login/", (route) => route.fulfill({ status: 204 }), { times: 1 });
      const button = page.getByRole("button", { name: "Log in", exact: true });
      await button.click();
      await page.locator("button[aria-busy=true]").waitFor();
      await page.clock.runFor(3_000);
      await page.locator("button:not([aria-busy])", { hasText: "Log in" }).waitFor();
      await button.click();
      await page.waitForURL("/profile/");
    },
    { leavesTraces: true },
  );
});
