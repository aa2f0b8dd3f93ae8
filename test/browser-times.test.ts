import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Page } from "playwright-core";
import { ALICE, browserTest, fillAndSend, NOT_ON_DENO, pathOf, useBrowser } from "./support/browser.ts";
import { createClient } from "./support/client.ts";
import { giveSession } from "./support/page-states.ts";
import { onlyOnBun } from "./support/runtime.ts";

/** The days and the times of day that a page of activity shows. */
async function timesOn(page: Page): Promise<{ days: string[]; clocks: string[] }> {
  const days = await page.getByRole("heading", { level: 2 }).allInnerTexts();
  return { days, clocks: await page.locator("time[data-part=clock]").allInnerTexts() };
}

/** Has the page note, before each frame that it paints, whether an instant is still in UTC. */
async function watchFrames(page: Page): Promise<void> {
  await page.addInitScript(`
    window.paintedUtc = false;
    const look = () => {
      if (/ UTC/.test(document.querySelector("ul.events")?.innerText ?? "")) window.paintedUtc = true;
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  `);
}

describe("instants on a page", onlyOnBun(NOT_ON_DENO), () => {
  useBrowser();

  browserTest(
    "are in the reader's time zone with script, days included, before the first paint",
    async (stage) => {
      const { app, clock, page } = stage;
      clock.advance(6 * 3600);
      await createClient(app).post("/login/", { ...ALICE, password: "wrong" });
      await watchFrames(page);
      await giveSession(stage);
      await page.goto("/activity/");
      // In New York, the account was created on the evening before.
      const { days, clocks } = await timesOn(page);
      assert.deepEqual(days, ["Today", "Yesterday"]);
      assert.deepEqual(
        clocks.map((text) => text.replace(/\s/g, " ")),
        ["1:00 AM", "1:00 AM", "7:00 PM"],
      );
      assert.equal(await page.evaluate("window.paintedUtc"), false);
    },
    { locale: "en-US", timezoneId: "America/New_York" },
  );

  browserTest(
    "are in UTC without script, and say so",
    async (stage) => {
      const { page } = stage;
      await giveSession(stage);
      await page.goto("/activity/");
      assert.deepEqual(await timesOn(page), { days: ["Today"], clocks: ["00:00 UTC", "00:00 UTC"] });
    },
    { locale: "de-CH", timezoneId: "America/New_York", javaScriptEnabled: false },
  );
});

describe("a login that is throttled", onlyOnBun(NOT_ON_DENO), () => {
  useBrowser();

  browserTest(
    "counts down, and then the form can be sent again",
    async ({ app, clock, page, expectStatus }) => {
      expectStatus(429);
      const { post } = createClient(app);
      for (let failures = 0; failures < 10; failures++) await post("/login/", { ...ALICE, password: "wrong" });
      await page.clock.install();
      await page.goto("/login/?next=/sessions/");
      await fillAndSend(page, { Username: "alice", Password: ALICE.password }, "Log in");
      const button = page.getByRole("button", { name: "Log in", exact: true });
      assert.equal(await button.isDisabled(), true);
      await page.clock.runFor(10_000);
      await page.getByText("Try again in 20 seconds.").waitFor();
      await page.clock.runFor(21_000);
      await page.getByText("Try again now.").waitFor();
      clock.advance(31);
      await fillAndSend(page, { Password: ALICE.password }, "Log in");
      assert.equal(pathOf(page), "/sessions/");
    },
    { leavesTraces: true },
  );
});
