import assert from "node:assert/strict";
import { findUser } from "../../db/users.ts";
import { ALICE, fillAndSend, logIn, type Stage } from "./browser.ts";
import { codeAt, giveFactors } from "./factors.ts";

/** As PAGE_STATES, for remembered browsers and what a mail has to do with second factors. */
export const TRUST_STATES: Record<string, (stage: Stage) => Promise<unknown>> = {
  "second-step": (stage) => enterPassword(stage),
  "second-step-error": async (stage) => {
    stage.expectStatus(400);
    await enterPassword(stage);
    await rememberBox(stage).check();
    await fillAndSend(stage.page, { Code: "000000" }, "Log in");
  },
  "sessions-remembered": async (stage) => {
    await remember(stage);
    await stage.page.goto("/sessions/");
  },
  "login-after-reset": ({ page }) => page.goto("/login/?done=newPassword"),
};

export const rememberBox = ({ page }: Pick<Stage, "page">) => page.getByLabel("Do not ask for a code on this browser");

/** The first step of a login, by a user with an authenticator app. @returns the code of now */
export async function enterPassword(stage: Stage): Promise<() => string> {
  const user = await findUser(stage.services.db, ALICE.username);
  assert(user);
  const { secret } = await giveFactors(stage, user);
  await logIn(stage.page);
  return () => codeAt(secret, stage.clock.now);
}

/** Logs in with both steps, and has the browser remembered. */
export async function remember(stage: Stage): Promise<() => string> {
  const code = await enterPassword(stage);
  await rememberBox(stage).check();
  await fillAndSend(stage.page, { Code: code() }, "Log in");
  return code;
}
