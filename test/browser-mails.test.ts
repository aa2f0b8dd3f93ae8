import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser } from "playwright-core";
import { assertAccessible, assertFits, brightness } from "./support/axe.ts";
import { NOT_ON_DENO } from "./support/browser.ts";
import { launchChromium } from "./support/chromium.ts";
import { everyMail, exampleMail, HOSTILE } from "./support/mails.ts";
import { onlyOnBun } from "./support/runtime.ts";

const PATIENCE = { timeout: 60_000 };
const PHONE = { width: 320, height: 640 };

describe("the HTML of every mail", onlyOnBun(NOT_ON_DENO), () => {
  let browser: Browser;
  before(async () => {
    browser = await launchChromium();
  }, PATIENCE);
  after(() => browser.close(), PATIENCE);

  test("is accessible in light and in dark, and no wider than a phone of 320 pixels", PATIENCE, async () => {
    const page = await browser.newPage({ viewport: PHONE });
    for (const { name, mail } of everyMail()) {
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await page.setContent(mail.html);
        assert.equal((await brightness(page)) > 0.5, colorScheme === "light", name);
        await assertFits(page, name);
        await assertAccessible(page, `${name}, ${colorScheme}`);
      }
    }
    await page.close();
  });

  test("fits a phone with the longest names, and asks for nothing", PATIENCE, async () => {
    const page = await browser.newPage({ viewport: PHONE });
    const asked: string[] = [];
    page.on("request", (request) => void asked.push(request.url()));
    page.on("dialog", () => void asked.push("a dialog"));
    for (const { name, mail } of everyMail(HOSTILE)) {
      await page.setContent(mail.html);
      await assertFits(page, name);
    }
    assert.deepEqual(asked, []);
    await page.close();
  });

  test("reads well without its <style>, as in a mail program that drops it", PATIENCE, async () => {
    const page = await browser.newPage({ viewport: PHONE });
    await page.setContent(exampleMail("email_changed", "it").html.replace(/<style>[\s\S]*<\/style>/, ""));
    await assertFits(page, "without style");
    await assertAccessible(page, "without style");
    await page.close();
  });
});
