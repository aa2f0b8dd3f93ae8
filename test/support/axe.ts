import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { AxeResults, RunOptions } from "axe-core";
import type { Page } from "playwright-core";
import { ROOT } from "./process.ts";

const AXE = readFileSync(join(ROOT, "node_modules/axe-core/axe.min.js"), "utf8");

/** All default rules of axe, its best practices, and the target size of WCAG 2.2. Details only of violations. */
const AXE_OPTIONS: RunOptions = { rules: { "target-size": { enabled: true } }, resultTypes: ["violations"] };

declare global {
  interface Window {
    axe: { run: (options: RunOptions) => Promise<AxeResults> };
  }
}

/** @param what the page, for the message */
export async function assertAccessible(page: Page, what: string): Promise<void> {
  if (!(await page.evaluate(() => "axe" in window))) await loadAxe(page);
  const { violations, passed } = await page.evaluate(async (options) => {
    const { violations, passes } = await window.axe.run(options);
    return {
      violations: violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`)),
      passed: passes.length,
    };
  }, AXE_OPTIONS);
  assert(passed > 10, `axe looked at nothing: ${what}`);
  assert.deepEqual(violations, [], what);
}

/**
 * By the debugger, because the Content-Security-Policy does not restrict it. `page.evaluate` would do, but it compiles the
 * script again for each page.
 */
async function loadAxe(page: Page): Promise<void> {
  const debug = await page.context().newCDPSession(page);
  await debug.send("Runtime.evaluate", { expression: AXE });
  await debug.detach();
}

/** No wider than the window. */
export async function assertFits(page: Page, what: string): Promise<void> {
  const { scrollWidth, clientWidth } = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return { scrollWidth, clientWidth };
  });
  assert(scrollWidth <= clientWidth, `${what} is ${scrollWidth} wide at ${clientWidth}`);
}

/** Of the ground, from 0 to 1. */
export async function brightness(page: Page): Promise<number> {
  const color = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const [red = 0, green = 0, blue = 0] = color.match(/\d+/g)?.map(Number) ?? [];
  return (red + green + blue) / 3 / 255;
}
