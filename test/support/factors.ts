import { generateHOTP } from "@oslojs/otp";
import { refreshSecondFactor, storeRecoveryCodes, storeTotp } from "../../db/factors.ts";
import { transaction } from "../../db/open.ts";
import type { User } from "../../db/users.ts";
import type { Services } from "../../lib/services.ts";
import { generateRecoveryCodes, recoveryCodeId } from "../../lib/users/recovery-codes.ts";
import { generateTotpSecret, totpOwner } from "../../lib/users/totp.ts";
import { type Client, createClient } from "./client.ts";
import { createTestApp, type TestApp } from "./test-app.ts";

export const PASSWORD = "right horse";

/** Like a page of the same origin. */
const OURS = { "Sec-Fetch-Site": "same-origin" };

/** A user with an authenticator app and recovery codes, and the user's browser. */
export interface FactorUser extends Client, AsyncDisposable {
  test: TestApp;
  user: User;
  recoveryCodes: string[];
  /** The authenticator's code of now, or of another step. */
  code: (steps?: number) => string;
  enterPassword: () => Promise<Response>;
  enterCode: (code: string) => Promise<Response>;
  /** Logs in with both steps, and has the browser remembered. */
  remember: () => Promise<Response>;
}

export async function useFactors(environment: Record<string, string> = {}): Promise<FactorUser> {
  const test = await createTestApp(environment);
  const user = await test.addUser({ username: "alice", password: PASSWORD });
  const { secret, recoveryCodes } = await giveFactors(test, user);
  const client = createClient(test.app);
  const code = (steps = 0) => codeAt(secret, test.clock.now + steps * 30_000);
  const enterPassword = () => client.login(user.username, PASSWORD);
  return {
    ...client,
    test,
    user,
    recoveryCodes,
    code,
    enterPassword,
    enterCode: (code) => client.post("/login/second-factor/", { code }, OURS),
    remember: async () => {
      test.clock.advance(30); // A code is used once.
      await enterPassword();
      return client.post("/login/second-factor/", { code: code(), remember: "on" }, OURS);
    },
    [Symbol.asyncDispose]: test.close,
  };
}

/** Gives a user an authenticator app and recovery codes, without the pages. */
export async function giveFactors(
  { services }: { services: Pick<Services, "db" | "keys" | "now"> },
  user: User,
): Promise<{ secret: Uint8Array; recoveryCodes: string[] }> {
  const { db, keys, now } = services;
  const secret = generateTotpSecret();
  const recoveryCodes = generateRecoveryCodes();
  const ids = recoveryCodes.map((code) => recoveryCodeId(user, code));
  await transaction(db, async (db) => {
    const factor = { userId: user.id, secret: keys.factors.seal(secret, totpOwner(user)), lastStep: 0 };
    await storeTotp(db, { ...factor, createdAt: now(), lastUsedAt: null });
    await storeRecoveryCodes(db, user.id, ids, now());
    await refreshSecondFactor(db, user.id);
  });
  return { secret, recoveryCodes };
}

/** The code of an authenticator app at an instant. */
export function codeAt(secret: Uint8Array, at: number): string {
  return generateHOTP(secret, BigInt(Math.floor(at / 30_000)), 6);
}
