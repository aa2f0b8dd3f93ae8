import assert from "node:assert/strict";
import { findUser } from "../../db/users.ts";
import { ALICE, fillAndSend, type Stage } from "./browser.ts";
import { createClient } from "./client.ts";
import { giveFactors } from "./factors.ts";
import { giveSession } from "./page-states.ts";

/** As PAGE_STATES, for the page that asks a user who is logged in for a proof. */
export const PROOF_STATES: Record<string, (stage: Stage) => Promise<unknown>> = {
  proof: (stage) => openProof(stage),
  "proof-after-a-form": async (stage) => {
    await giveSession(stage);
    await stage.page.goto("/profile/");
    stage.clock.advance(601);
    await fillAndSend(stage.page, { "Email address": "alice@example.com" }, "Save");
  },
  "proof-error": async (stage) => {
    stage.expectStatus(400);
    await openProof(stage);
    await fillAndSend(stage.page, { Password: "wrong" }, "Confirm");
  },
  "proof-with-app": (stage) => openProofWithApp(stage),
  "proof-with-app-error": async (stage) => {
    stage.expectStatus(400);
    await openProofWithApp(stage);
    await fillAndSend(stage.page, { Code: "000000" }, "Confirm with the code");
  },
  "proof-by-the-second-factor": (stage) => openProofWithApp(stage, "?factors=2&next=/sessions/"),
  "proof-throttled": async (stage) => {
    stage.expectStatus(429);
    await openProof(stage);
    const { post } = createClient(stage.app);
    for (let failures = 0; failures < 10; failures++) await post("/login/", { ...ALICE, password: "wrong" });
    await fillAndSend(stage.page, { Password: "wrong" }, "Confirm");
  },
  "proof-impossible": async (stage) => {
    await openProof(stage);
    await stage.services.db.updateTable("users").set({ password: "!" }).execute();
    await stage.page.reload();
  },
  "proof-done": async (stage) => {
    await PROOF_STATES["proof-after-a-form"]?.(stage);
    await fillAndSend(stage.page, { Password: ALICE.password }, "Confirm");
  },
};

async function openProof(stage: Stage, query = ""): Promise<void> {
  await giveSession(stage);
  await stage.page.goto(`/reauth/${query}`);
}

/** The app is set up after the login. */
export async function openProofWithApp(stage: Stage, query = ""): Promise<Uint8Array> {
  await giveSession(stage);
  const user = await findUser(stage.services.db, ALICE.username);
  assert(user);
  const { secret } = await giveFactors(stage, user);
  await stage.page.goto(`/reauth/${query}`);
  return secret;
}
