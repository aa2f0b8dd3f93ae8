import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Page } from "playwright-core";
import { assertAccessible, assertFits, brightness } from "./support/axe.ts";
import { browserTest, NOT_ON_DENO, useBrowser } from "./support/browser.ts";
import { DELETION_ON, DELETION_STATES } from "./support/deletion-states.ts";
import { MAIL_PAGE_STATES, WITH_MAIL } from "./support/mail-page-states.ts";
import { giveSession, logInElsewhere, PAGE_STATES } from "./support/page-states.ts";
import { PASSKEY_STATES } from "./support/passkey-states.ts";
import { PROOF_STATES } from "./support/proof-states.ts";
import { onlyOnBun } from "./support/runtime.ts";
import { DEMANDED, DEMANDED_STATES, SECURITY_STATES } from "./support/security-states.ts";
import { SIGNUP_ON, SIGNUP_STATES } from "./support/signup-states.ts";
import { TRUST_STATES } from "./support/trust-states.ts";

const PHONE = { width: 320, height: 640 };

/** The script inserts a notice again after 100 ms, so that screen readers announce it. A later timer fires after that. */
async function waitForNotices(page: Page): Promise<void> {
  await page.evaluate(async () => {
    if (document.querySelector("[role=status], [role=alert]")) await new Promise((resolve) => setTimeout(resolve, 100));
  });
}

describe("every page, in every state", onlyOnBun(NOT_ON_DENO), () => {
  useBrowser();

  const lists = [
    [PAGE_STATES, {}],
    [MAIL_PAGE_STATES, WITH_MAIL],
    [SIGNUP_STATES, SIGNUP_ON],
    [DELETION_STATES, DELETION_ON],
    [SECURITY_STATES, {}],
    [TRUST_STATES, {}],
    [PROOF_STATES, {}],
    [DEMANDED_STATES, DEMANDED],
    [PASSKEY_STATES, {}],
  ] as const;
  const states = lists.flatMap(([list, environment]) =>
    Object.entries(list).map(([name, show]) => [name, show, environment] as const),
  );
  for (const [name, show, environment] of states) {
    browserTest(
      `${name}: accessible in light and in dark on a phone, and no wider than a phone of 320 pixels`,
      async (stage) => {
        const { page } = stage;
        await show(stage);
        await waitForNotices(page);
        assert((await brightness(page)) > 0.9, "light");
        await assertAccessible(page, `${name}, light`);
        await page.emulateMedia({ colorScheme: "dark" });
        assert((await brightness(page)) < 0.2, "dark");
        await page.setViewportSize(PHONE);
        await assertFits(page, name);
        await assertAccessible(page, `${name}, dark, on a phone`);
      },
      { environment, host: name in PASSKEY_STATES ? "localhost" : "127.0.0.1" },
    );
  }
});

describe("the longest content", onlyOnBun(NOT_ON_DENO), () => {
  useBrowser();
  const LONGEST = { username: "w".repeat(150), password: "right horse" };

  browserTest(
    "fits a phone: a username of 150 characters, a long name of the site, a product of 400",
    async (stage) => {
      const { page } = stage;
      await giveSession(stage, LONGEST);
      await logInElsewhere(stage, "x".repeat(400), LONGEST);
      await logInElsewhere(stage, `${"Y".repeat(40)}/1 (Windows NT 10.0)`, LONGEST);
      for (const path of ["/profile/", "/password/change/", "/sessions/", "/security/", "/reauth/"]) {
        await page.goto(path);
        await assertFits(page, path);
        await assertAccessible(page, path);
      }
    },
    {
      viewport: PHONE,
      users: [LONGEST],
      environment: { POSTERN_SITE_NAME: `Society of ${"Donaudampfschiffahrts".repeat(2)}` },
    },
  );

  browserTest(
    "fits a phone: a list of sixty sessions",
    async (stage) => {
      const { page } = stage;
      for (let number = 0; number < 59; number++) await logInElsewhere(stage, `device-${number}/1.0`);
      await giveSession(stage);
      await page.goto("/sessions/");
      assert.equal(await page.getByRole("listitem").count(), 60);
      await assertFits(page, "sixty sessions");
    },
    { viewport: PHONE, environment: { POSTERN_THROTTLE: "off" } },
  );
});
