import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { loadRuntime } from "../../lib/runtime/load.ts";
import { launchChromium } from "./chromium.ts";
import { createTestApp, type TestApp } from "./test-app.ts";

/** Why these tests are skipped on Deno. */
export const NOT_ON_DENO = "playwright-core is driven by Bun";

const PATIENCE = { timeout: 60_000 };

/** A browser on a busy machine is slow, but not this slow. */
const STEP_MS = 15_000;

/** The application on a port, and a browser that shows it. */
export interface Stage extends Omit<TestApp, "close" | "logged"> {
  origin: string;
  /** The page of the first visitor. */
  page: Page;
  /** Opens a page for another visitor, with separate cookies. */
  visit: (options?: BrowserContextOptions) => Promise<Page>;
  /** The console reports every answer of 400 and more. The test expects these, and they must come. */
  expectStatus: (...statuses: number[]) => void;
}

export const ALICE = { username: "alice", password: "right horse" };

let browser: Promise<Browser> | undefined;

/** Starts the one browser of this process before the tests of the `describe` around it. It ends with the process. */
export function useBrowser(): void {
  before(() => (browser ??= launchChromium()), PATIENCE);
}

/**
 * A test in a browser, on its own application with the one user alice. A message of a page on the console fails it: a
 * violation of the Content-Security-Policy, an error, an unexpected answer of 400 and more.
 */
export function browserTest(
  name: string,
  body: (stage: Stage) => Promise<void>,
  { environment = {}, users = [ALICE], ...visitor }: BrowserTestOptions = {},
): void {
  test(name, PATIENCE, async () => {
    const testApp = await createTestApp(environment);
    const { app, close } = testApp;
    const listening = { hostname: "127.0.0.1", port: 0, idleTimeoutSeconds: 30 };
    const listener = (await loadRuntime()).listen((request, peer) => app(request, peer), listening);
    const origin = `http://127.0.0.1:${listener.port}`;
    const contexts: BrowserContext[] = [];
    const complaints: string[] = [];
    const expected = new Map<number, boolean>();
    const visit: Stage["visit"] = async (options = {}) => {
      assert(browser, "useBrowser() has started none");
      const context = await (await browser).newContext({ baseURL: origin, ...visitor, ...options });
      contexts.push(context);
      context.setDefaultTimeout(STEP_MS);
      listen(context, complaints, expected);
      return context.newPage();
    };
    try {
      for (const user of users) await testApp.addUser(user);
      const expectStatus = (...statuses: number[]) => statuses.forEach((status) => void expected.set(status, false));
      await body({ ...testApp, origin, page: await visit(), visit, expectStatus });
      assert.deepEqual(complaints, []);
      for (const [status, hasCome] of expected) assert(hasCome, `no answer of ${status} came`);
    } finally {
      for (const context of contexts) await context.close();
      listener.cut();
      await close();
    }
  });
}

interface BrowserTestOptions extends BrowserContextOptions {
  environment?: Record<string, string>;
  users?: { username: string; password: string }[];
}

function listen(context: BrowserContext, complaints: string[], expected: Map<number, boolean>): void {
  context.on("weberror", (error) => complaints.push(String(error.error())));
  context.on("console", (message) => {
    const [, status = ""] = /^Failed to load resource: .* status of (\d+)/.exec(message.text()) ?? [];
    if (expected.has(Number(status))) expected.set(Number(status), true);
    else if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
}

/** Sends the form that has this button. */
export async function send(page: Page, button: string): Promise<void> {
  await Promise.all([page.waitForEvent("load"), page.getByRole("button", { name: button, exact: true }).click()]);
}

/** Fills the form's fields, by their labels, and sends it. */
export async function fillAndSend(page: Page, values: Record<string, string>, button: string): Promise<void> {
  for (const [label, value] of Object.entries(values)) await page.getByLabel(label, { exact: true }).fill(value);
  await send(page, button);
}

export async function logIn(page: Page, { username, password } = ALICE): Promise<void> {
  await page.goto("/login/");
  await fillAndSend(page, { Username: username, Password: password }, "Log in");
}

/** The path and query of a page's address. */
export function pathOf(page: Page): string {
  const { pathname, search } = new URL(page.url());
  return pathname + search;
}

/** The name of the field that has the focus; empty if none has it. */
export function focused(page: Page): Promise<string> {
  return page.evaluate(() => document.activeElement?.getAttribute("name") ?? "");
}
