import assert from "node:assert/strict";
import { describe } from "node:test";
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
import { codeAt } from "./support/factors.ts";
import { logInElsewhere } from "./support/page-states.ts";
import { onlyOnBun } from "./support/runtime.ts";
import { beginSetup, openWithApp, SECURITY_STATES, scan } from "./support/security-states.ts";

const codesOf = (page: Page) => page.locator(".codes code").allTextContents();

for (const javaScriptEnabled of [true, false]) {
  describe(`a user with${javaScriptEnabled ? "" : "out"} script`, onlyOnBun(NOT_ON_DENO), () => {
    const visitor = javaScriptEnabled ? {} : { javaScriptEnabled };
    useBrowser();

    browserTest(
      "sets up an app, sees the recovery codes, and logs in with a code and with a recovery code",
      async (stage) => {
        const { page, clock } = stage;
        await beginSetup(stage);
        assert.equal(await focused(page), "code");
        const secret = await scan(page);
        await fillAndSend(page, { Code: codeAt(secret, clock.now) }, "Confirm");
        await page.getByText("The authenticator app is set up.").waitFor();
        const codes = await codesOf(page);
        assert.equal(codes.length, 10);
        await page.getByRole("link", { name: "I have stored the codes" }).click();
        await page.getByText("10 codes are left.").waitFor();
        await logOut(page);
        clock.advance(30);
        await logIn(page);
        await fillAndSend(page, { Code: codeAt(secret, clock.now) }, "Log in");
        assert.equal(pathOf(page), "/profile/");
        await logOut(page);
        await logIn(page);
        await fillAndSend(page, { Code: codes[3] ?? "" }, "Log in");
        await page.goto("/security/");
        await page.getByText("9 codes are left.").waitFor();
      },
      visitor,
    );

    browserTest(
      "tries again after a wrong code, with the same QR code",
      async (stage) => {
        const { page, clock, expectStatus } = stage;
        expectStatus(400);
        await beginSetup(stage);
        const secret = await scan(page);
        await fillAndSend(page, { Code: "000000" }, "Confirm");
        await page.getByText("This code is not right.").waitFor();
        assert.equal(await focused(page), "code");
        assert.deepEqual(await scan(page), secret);
        await fillAndSend(page, { Code: codeAt(secret, clock.now) }, "Confirm");
        assert.equal((await codesOf(page)).length, 10);
      },
      visitor,
    );

    browserTest(
      "starts again after five wrong codes",
      async (stage) => {
        const { page, clock, expectStatus } = stage;
        expectStatus(400);
        await beginSetup(stage);
        for (let times = 0; times < 5; times++) await fillAndSend(page, { Code: "000000" }, "Confirm");
        await page.getByRole("heading", { name: "The setup has expired" }).waitFor();
        await send(page, "Start again");
        await fillAndSend(page, { Code: codeAt(await scan(page), clock.now) }, "Confirm");
        assert.equal((await codesOf(page)).length, 10);
      },
      visitor,
    );

    browserTest(
      "makes new recovery codes, and removes the app after a confirmation",
      async (stage) => {
        const { page } = stage;
        await openWithApp(stage);
        assert(!(await page.getByRole("button", { name: "Yes, remove the app" }).isVisible()));
        await page.getByText("Make new codes…").click();
        await send(page, "Yes, make new codes");
        assert.equal((await codesOf(page)).length, 10);
        await page.goto("/security/");
        await page.getByText("Remove the app…").click();
        await send(page, "Yes, remove the app");
        await page.getByText("The authenticator app is removed.").waitFor();
        await logInElsewhere(stage, "program/1.0");
      },
      visitor,
    );

    browserTest(
      "proves to be present again if the login is old, and goes on",
      async (stage) => {
        const { page, clock } = stage;
        await logIn(page);
        await page.goto("/security/");
        clock.advance(660);
        await send(page, "Set up an authenticator app");
        assert.equal(new URL(page.url()).pathname, "/reauth/");
        await page.getByLabel("Password", { exact: true }).fill(ALICE.password);
        await page.getByLabel("Password", { exact: true }).press("Enter");
        await page.waitForURL(/\/security\//);
        await send(page, "Set up an authenticator app");
        await page.locator("svg.qr").waitFor();
      },
      visitor,
    );
  });
}

describe("recovery codes in a browser", onlyOnBun(NOT_ON_DENO), () => {
  useBrowser();

  browserTest("are copied by a button, one a line, and all selected by one click", async (stage) => {
    const { page, origin } = stage;
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin });
    await SECURITY_STATES["recovery-codes-again"]?.(stage);
    const codes = await codesOf(page);
    await page.getByRole("button", { name: "Copy" }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), codes.join("\n"));
    await page.locator(".codes code").first().click();
    const selected = await page.evaluate(() => String(getSelection()));
    assert.deepEqual(
      selected.split(/\s+/).filter((line) => line !== ""),
      codes,
    );
  });

  browserTest("stand on paper alone, black on white in dark mode too", async (stage) => {
    const { page } = stage;
    await SECURITY_STATES["recovery-codes"]?.(stage);
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    const codes = await codesOf(page);
    const shown = await page.locator("body :is(h1, p, li, a, button):visible").allTextContents();
    assert.deepEqual(shown, ["Recovery codes", "For alice at Postern", ...codes]);
    const colors = await page
      .locator(".codes code")
      .first()
      .evaluate((code) => [getComputedStyle(code).color, getComputedStyle(document.body).backgroundColor]);
    assert.deepEqual(colors, ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]);
  });
});

describe("the QR code in a browser", onlyOnBun(NOT_ON_DENO), () => {
  useBrowser();

  browserTest("is dark on white in dark mode, with four modules of quiet zone, and fits a phone", async (stage) => {
    const { page } = stage;
    await page.emulateMedia({ colorScheme: "dark" });
    await page.setViewportSize({ width: 320, height: 640 });
    await beginSetup(stage);
    const picture = page.getByRole("img", { name: "QR code for the authenticator app" });
    const box = await picture.boundingBox();
    assert(box && box.x >= 0 && box.x + box.width <= 320 && box.width >= 200);
    const [ground, dark] = await picture.evaluate((svg) =>
      ["rect", "path"].map((name) => getComputedStyle(svg.querySelector(name) ?? svg).fill),
    );
    assert.deepEqual([ground, dark], ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]);
    assert.match((await picture.getAttribute("viewBox")) ?? "", /^-4 -4 /);
  });
});

async function logOut(page: Page): Promise<void> {
  await send(page, "Log out");
  assert.equal(pathOf(page).split("?")[0], "/login/");
}
