import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Browser, BrowserContext, BrowserContextOptions, ConsoleMessage, Page, WebError } from "playwright-core";
import type { App } from "../../lib/app.ts";
import { loadRuntime } from "../../lib/runtime/load.ts";
import type { Listener } from "../../lib/runtime/runtime.ts";
import { launchChromium } from "./chromium.ts";
import { createTestApp, type TestApp } from "./test-app.ts";
import { closePages, closeVisitors, openVisitor } from "./visitors.ts";

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

let browser: Browser | undefined;
let listener: Listener | undefined;

/** The application of the running test. */
let shown: App | undefined;

/** Starts the one browser of this process before the tests of the `describe` around it. It ends with the process. */
export function useBrowser(): void {
  before(async () => {
    browser ??= await launchChromium();
    listener ??= (await loadRuntime()).listen(answer, { hostname: "127.0.0.1", port: 0, idleTimeoutSeconds: 30 });
  }, PATIENCE);
}

/** One port serves the applications of all tests, because a context that is kept keeps its base URL. */
const answer: App = (request, peer) => {
  assert(shown, "no test is running");
  return shown(request, peer);
};

/**
 * A test in a browser, on its own application with the one user alice. A message of a page on the console fails it: a
 * violation of the Content-Security-Policy, an error, an unexpected answer of 400 and more.
 */
export function browserTest(
  name: string,
  body: (stage: Stage) => Promise<void>,
  { environment = {}, users = [ALICE], host = "127.0.0.1", leavesTraces = false, ...visitor }: BrowserTestOptions = {},
): void {
  test(name, PATIENCE, async () => {
    const testApp = await createTestApp(environment);
    for (const user of users) await testApp.addUser(user);
    shown = testApp.app;
    const console = watchConsole();
    try {
      const { origin, visit } = await openDoor(host, visitor, console);
      await body({ ...testApp, origin, page: await visit(), visit, expectStatus: console.expectStatus });
      console.assertAsExpected();
      if (leavesTraces) await closeVisitors();
    } catch (error) {
      await closeVisitors(); // A failed test may leave anything behind.
      throw error;
    } finally {
      await console.close();
      if (shown === testApp.app) shown = undefined; // A test that ran out of time ends during the next one.
      await testApp.close();
    }
  });
}

async function openDoor(
  host: string,
  visitor: BrowserContextOptions,
  console: Console,
): Promise<Pick<Stage, "origin" | "visit">> {
  assert(browser && listener, "useBrowser() has started none");
  const [running, origin] = [browser, `http://${host}:${listener.port}`];
  let place = 0;
  const visit: Stage["visit"] = async (options = {}) => {
    const context = await openVisitor(running, place++, origin, { baseURL: origin, ...visitor, ...options });
    context.setDefaultTimeout(STEP_MS);
    console.listen(context);
    return context.newPage();
  };
  return { origin, visit };
}

interface BrowserTestOptions extends BrowserContextOptions {
  environment?: Record<string, string>;
  users?: { username: string; password: string }[];
  /** Passkeys need the name `localhost`: a browser makes none for an address. */
  host?: "127.0.0.1" | "localhost";
  /** Whether the test changes its context for good, such as its clock. The next test gets a new one. */
  leavesTraces?: boolean;
}

interface Console {
  listen: (context: BrowserContext) => void;
  expectStatus: Stage["expectStatus"];
  /** @throws AssertionError if an unexpected message came, or an expected status did not */
  assertAsExpected: () => void;
  /** Closes the pages of the test, so that no message comes late, and stops listening. */
  close: () => Promise<void>;
}

function watchConsole(): Console {
  const contexts: BrowserContext[] = [];
  const complaints: string[] = [];
  const expected = new Map<number, boolean>();
  const onError = (error: WebError) => void complaints.push(String(error.error()));
  const onMessage = (message: ConsoleMessage) => {
    const [, status = ""] = /^Failed to load resource: .* status of (\d+)/.exec(message.text()) ?? [];
    if (expected.has(Number(status))) expected.set(Number(status), true);
    else if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  };
  return {
    listen: (context) => void contexts.push(context.on("weberror", onError).on("console", onMessage)),
    expectStatus: (...statuses) => statuses.forEach((status) => void expected.set(status, false)),
    assertAsExpected: () => {
      assert.deepEqual(complaints, []);
      for (const [status, hasCome] of expected) assert(hasCome, `no answer of ${status} came`);
    },
    close: async () => {
      await closePages();
      for (const context of contexts) context.off("weberror", onError).off("console", onMessage);
    },
  };
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
  await page.getByLabel(/^Username/).fill(username); // With mail, the label goes on.
  await fillAndSend(page, { Password: password }, "Log in");
}

/** The path and query of a page's address. */
export function pathOf(page: Page): string {
  const { pathname, search } = new URL(page.url());
  return pathname + search;
}

/** The name of the field that has the focus; empty for another element. A page gives the focus in its first frame, which may come after `load`. */
export async function focused(page: Page): Promise<string> {
  await page.locator(":focus").waitFor();
  return page.evaluate(() => document.activeElement?.getAttribute("name") ?? "");
}
