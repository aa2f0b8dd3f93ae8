import { deleteRecoveryCodes, deleteTotp, refreshSecondFactor } from "../../db/factors.ts";
import { insertToken } from "../../db/one-time-tokens.ts";
import { transaction } from "../../db/open.ts";
import { lockUser, type User } from "../../db/users.ts";
import { OPERATOR, userSubject } from "../../lib/audit/actor.ts";
import { activate, deactivate, deleteUser } from "../../lib/users/activation.ts";
import { changePassword } from "../../lib/users/change-password.ts";
import { endSessions } from "../../lib/users/end-sessions.ts";
import { report } from "../../lib/users/report.ts";
import { giveFactors, PASSWORD } from "./factors.ts";
import { anyPassword, type TestApp } from "./test-app.ts";

export type Interruption = (test: Pick<TestApp, "services">, user: User) => Promise<unknown>;

/** What ends every session of a user. It must end each login between its two steps as well. */
export const ENDINGS: Record<string, Interruption> = {
  "the password is changed": ({ services }, user) =>
    changePassword(services, OPERATOR, user, anyPassword("cyan giraffe umbrella")),
  "the password is set to the same one": ({ services }, user) =>
    changePassword(services, OPERATOR, user, anyPassword(PASSWORD)),
  "the user is deactivated": ({ services }, user) => deactivate(services, OPERATOR, user),
  "the user is deactivated and activated again": async ({ services }, user) => {
    await deactivate(services, OPERATOR, user);
    await activate(services, OPERATOR, user);
  },
  "the user is deleted": ({ services }, user) => deleteUser(services, OPERATOR, user),
  "an operator ends the user's sessions": ({ services }, user) => endSessions(services, OPERATOR, user),
  "the user reports a theft": (test, user) => reportTheft(test, user, user.email),
  "the user reports a theft after the address was changed": (test, user) =>
    reportTheft(test, user, "former@example.com"),
};

/** The authenticator app is gone, or another one. Sessions go on. */
export const FACTOR_CHANGES: Record<string, Interruption> = {
  "the authenticator app is removed": ({ services: { db } }, user) =>
    transaction(db, async (db) => {
      await lockUser(db, user.id);
      await deleteTotp(db, user.id);
      await deleteRecoveryCodes(db, user.id);
      await refreshSecondFactor(db, user.id);
    }),
  "the authenticator app is replaced": (test, user) => giveFactors(test, user),
};

/** By the link of a notice. */
async function reportTheft({ services }: Pick<TestApp, "services">, user: User, sentTo: string): Promise<void> {
  const at = services.now();
  const stored = {
    id: "f".repeat(64),
    purpose: "not_me",
    userId: user.id,
    subject: userSubject(user),
    createdAt: at,
    expiresAt: at + 60_000,
    facts: JSON.stringify({ at, address: "", browser: "", system: "", template: "new_device", sentTo }),
  } as const;
  await transaction(services.db, (db) => insertToken(db, stored));
  await report(services, OPERATOR, { stored, user }, null);
}
