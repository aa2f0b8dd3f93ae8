import assert from "node:assert/strict";
import { decodeBase32 } from "@oslojs/encoding";
import type { Page } from "playwright-core";
import { findUser } from "../../db/users.ts";
import { ALICE, fillAndSend, type Stage, send } from "./browser.ts";
import { createClient } from "./client.ts";
import { codeAt, giveFactors } from "./factors.ts";
import { giveCookies, giveSession } from "./page-states.ts";

/** The settings of `DEMANDED_STATES`. */
export const DEMANDED = { POSTERN_REQUIRE_SECOND_FACTOR: "all" };

/** As PAGE_STATES, for the page "Security" and those that it leads to. */
export const SECURITY_STATES: Record<string, (stage: Stage) => Promise<unknown>> = {
  security: async (stage) => {
    await giveSession(stage);
    await stage.page.goto("/security/");
  },
  "security-with-app": (stage) => openWithApp(stage),
  "security-with-app-confirm": async (stage) => {
    await openWithApp(stage);
    for (const text of ["Remove the app…", "Make new codes…"]) await stage.page.getByText(text).click();
  },
  "security-few-codes": async (stage) => {
    await openWithApp(stage);
    const rows = await stage.services.db.selectFrom("recovery_codes").select("id").limit(8).execute();
    const ids = rows.map(({ id }) => id);
    await stage.services.db.deleteFrom("recovery_codes").where("id", "in", ids).execute();
    await stage.page.goto("/security/");
  },
  "security-key-lost": async (stage) => {
    await openWithApp(stage);
    await stage.services.db.updateTable("totp_factors").set({ secret: "00000000.AAAA" }).execute();
    await stage.page.goto("/security/");
  },
  "security-app-removed": async (stage) => {
    await openWithApp(stage);
    await stage.page.getByText("Remove the app…").click();
    await send(stage.page, "Yes, remove the app");
  },
  authenticator: (stage) => beginSetup(stage),
  "authenticator-error": async (stage) => {
    stage.expectStatus(400);
    await beginSetup(stage);
    await fillAndSend(stage.page, { Code: "000000" }, "Confirm");
  },
  "authenticator-expired": async (stage) => {
    stage.expectStatus(400);
    await beginSetup(stage);
    stage.clock.advance(600);
    await fillAndSend(stage.page, { Code: "000000" }, "Confirm");
  },
  "authenticator-replaced": async (stage) => {
    await openWithApp(stage);
    await send(stage.page, "Set up another app");
  },
  "recovery-codes": async (stage) => {
    await beginSetup(stage);
    await fillAndSend(stage.page, { Code: codeAt(await scan(stage.page), stage.clock.now) }, "Confirm");
  },
  "recovery-codes-again": async (stage) => {
    await openWithApp(stage);
    await stage.page.getByText("Make new codes…").click();
    await send(stage.page, "Yes, make new codes");
  },
};

/** If a second factor is demanded of a user without one. */
export const DEMANDED_STATES: Record<string, (stage: Stage) => Promise<unknown>> = {
  "security-demanded": async (stage) => {
    await giveSession(stage);
    await stage.page.goto("/profile/");
  },
  "security-demanded-with-app": async (stage) => {
    await openWithApp(stage);
    await stage.page.getByText("Remove the app…").click();
  },
};

/** Opens the first step of a setup: the QR code. */
export async function beginSetup(stage: Stage): Promise<void> {
  await giveSession(stage);
  await stage.page.goto("/security/");
  await send(stage.page, "Set up an authenticator app");
}

/** Reads the secret from the `otpauth:` link, which has the text of the QR code. */
export async function scan(page: Page): Promise<Uint8Array> {
  const link = await page.locator('a[href^="otpauth:"]').getAttribute("href");
  return decodeBase32(new URL(link ?? "").searchParams.get("secret") ?? "");
}

/** Opens the page "Security" of a user who set up an app three days ago, and logged in with it. */
export async function openWithApp(stage: Stage): Promise<void> {
  const { app, clock, origin, page, services } = stage;
  const user = await findUser(services.db, ALICE.username);
  assert(user);
  const { secret } = await giveFactors(stage, user);
  clock.advance(3 * 86_400);
  const { post, cookies } = createClient(app, new URL(origin).host, "127.0.0.1");
  assert.equal((await post("/login/", ALICE)).status, 403);
  assert.equal((await post("/login/second-factor/", { code: codeAt(secret, clock.now) })).status, 202);
  await giveCookies(stage, cookies);
  await page.goto("/security/");
}
