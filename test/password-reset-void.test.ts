import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { transaction } from "../db/open.ts";
import { OPERATOR, SYSTEM } from "../lib/audit/actor.ts";
import { enqueue } from "../lib/mail/enqueue.ts";
import { activate, deactivate } from "../lib/users/activation.ts";
import { changePassword } from "../lib/users/change-password.ts";
import {
  askForLink,
  assertDead,
  OURS,
  openLink,
  RESET_PATH,
  type ResetStage,
  setPassword,
  setUpReset,
} from "./support/reset-link.ts";
import { anyPassword } from "./support/test-app.ts";

describe("a new password", () => {
  const pendingChange = async (stage: ResetStage) => {
    const address = "thief@example.com";
    await transaction(stage.services.db, (db) =>
      enqueue(db, stage.services, SYSTEM, { purpose: "email_change", user: stage.user, address, language: "en" }),
    );
  };
  const purposesOf = async ({ services: { db } }: ResetStage) => [
    ...(await db.selectFrom("one_time_tokens").select("purpose").execute()),
    ...(await db.selectFrom("mails").select("purpose").execute()),
  ];

  test("voids a change of the address that a thief has asked for, sent or not", async () => {
    const ways: ((stage: ResetStage, token: string) => Promise<unknown>)[] = [
      ({ client }, token) => setPassword(client, token),
      ({ services, user }) => changePassword(services, OPERATOR, user, anyPassword("another horse")),
      ({ services, user }) => deactivate(services, OPERATOR, user),
    ];
    for (const way of ways) {
      const stage = await setUpReset();
      const token = await askForLink(stage);
      await pendingChange(stage);
      await stage.deliver();
      await pendingChange(stage);
      await way(stage, token);
      const left = (await purposesOf(stage)).filter(({ purpose }) => /email|reset/.test(purpose));
      assert.deepEqual(left, []);
    }
  });
});

describe("a link for a new password is void", () => {
  test("after the password was changed, also if its mail is sent later", async () => {
    const stage = await setUpReset();
    const token = await askForLink(stage);
    await stage.client.post("/password/reset/", { username: "alice" }, OURS);
    await changePassword(stage.services, OPERATOR, stage.user, anyPassword("another horse"));
    await assertDead(stage, token);
    assert.deepEqual(
      (await stage.deliver()).filter(({ text }) => text.includes(RESET_PATH)),
      [],
    );
  });

  test("after another one was used, also if its mail is sent later", async () => {
    const stage = await setUpReset();
    const token = await askForLink(stage);
    await stage.client.post("/password/reset/", { username: "alice" }, OURS);
    assert.equal((await setPassword(stage.client, token)).status, 204);
    assert.deepEqual(
      (await stage.deliver()).filter(({ text }) => text.includes(RESET_PATH)),
      [],
    );
  });

  test("while the user is inactive, and afterwards", async () => {
    const stage = await setUpReset();
    const token = await askForLink(stage);
    await stage.services.db.updateTable("users").set({ is_active: 0 }).execute();
    await assertDead(stage, token);
    await stage.services.db.updateTable("users").set({ is_active: 1 }).execute();
    assert.equal((await openLink(stage, token)).status, 200);
    await deactivate(stage.services, OPERATOR, stage.user);
    await activate(stage.services, OPERATOR, stage.user);
    await assertDead(stage, token);
  });

  test("if the user is deactivated while the new password is hashed", async () => {
    const stage = await setUpReset();
    const token = await askForLink(stage);
    const { hasher } = stage.services;
    stage.services.hasher = {
      ...hasher,
      hash: async (...sent) => {
        await deactivate(stage.services, OPERATOR, stage.user);
        return hasher.hash(...sent);
      },
    };
    assert.equal((await setPassword(stage.client, token)).status, 400);
    assert.deepEqual(await stage.services.db.selectFrom("sessions").selectAll().execute(), []);
  });
});
