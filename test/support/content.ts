import type { TrailKey } from "../../db/event-macs.ts";
import { appendEvents } from "../../db/events.ts";
import { refreshSecondFactor, storeRecoveryCodes } from "../../db/factors.ts";
import { keyFileOf, readKeyFile } from "../../db/key-file.ts";
import { openDatabase, sqliteFile, transaction } from "../../db/open.ts";
import { deriveKeys, parseSecretKeys } from "../../lib/crypto/keys.ts";
import { TEST_KEYS } from "./secret-key.ts";

/** An arbitrary instant. Sessions from it are alive for a while. */
const NOW = Date.now();

/** Fills a migrated database like logins do. */
export async function fillDatabase(
  url: string,
  { users, groups = 0, sessions, events = 0 }: { users: number; groups?: number; sessions: number; events?: number },
): Promise<void> {
  const db = await openDatabase(url, { mayCreate: false, poolSize: 1 });
  const user = (number: number) => ({
    username: `user${number}`,
    email: `user${number}@example.com`,
    first_name: "Zoë",
    last_name: "馬 🐴",
    password: `argon2$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$${number}`,
    is_active: 1,
    is_staff: number % 2,
    is_superuser: number === 1 ? 1 : 0,
    date_joined: NOW - number,
    last_login: number % 3 === 0 ? null : NOW,
    email_proved_at: number % 2 === 0 ? null : NOW,
    language: number % 2 === 0 ? "" : "it",
  });
  const group = (number: number) => ({ name: `groupe_${number}_馬`, created_at: NOW - number });
  const session = (number: number) => ({
    id: Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex"),
    user_id: 1 + (number % users),
    created_at: NOW,
    last_seen_at: NOW,
    expires_at: NOW + 86_400_000,
    ip: "2001:db8::1",
    user_agent: `Firefox/${number}`,
    proved_at: NOW - number,
    amr: number % 2 === 0 ? "pwd" : "pwd otp mfa",
  });
  const event = (number: number) => ({
    at: NOW,
    kind: "login" as const,
    subject: `user:${1 + (number % users)}`,
    actor: "nobody",
    address: "2001:db8::1",
    browser: "馬 🐴",
    system: "Linux",
    requestId: `${number}`,
    detail: "",
  });
  const BATCH = 1000;
  await transaction(db, async (db) => {
    for (let number = 1; number <= events; number++) await appendEvents(db, keyOf(url), [event(number)]);
  });
  await db.transaction().execute(async (db) => {
    for (let first = 1; first <= users; first += BATCH) {
      const rows = Array.from({ length: Math.min(BATCH, users - first + 1) }, (_, index) => user(first + index));
      await db.insertInto("users").values(rows).execute();
    }
    for (let id = 1; id <= groups; id++) {
      await db.insertInto("groups").values(group(id)).execute();
      const members = Array.from({ length: Math.min(users, id) }, (_, index) => ({
        user_id: users - index,
        group_id: id,
      }));
      if (members.length > 0) await db.insertInto("user_groups").values(members).execute();
    }
    for (let first = 1; first <= sessions; first += BATCH) {
      const rows = Array.from({ length: Math.min(BATCH, sessions - first + 1) }, (_, index) => session(first + index));
      await db.insertInto("sessions").values(rows).execute();
    }
  });
  await db.destroy();
}

/** The key that the server would use: the key file beside the database, if it exists. */
function keyOf(url: string): TrailKey {
  const file = sqliteFile(url);
  const text = file === null ? null : readKeyFile(keyFileOf(file));
  return text === null ? TEST_KEYS.audit : deriveKeys(parseSecretKeys(text) ?? []).audit;
}

/** Gives each of the first users an authenticator app, two passkeys and ten recovery codes, as the pages do. */
export async function fillFactors(url: string, users: number): Promise<void> {
  const db = await openDatabase(url, { mayCreate: false, poolSize: 1 });
  const instants = { created_at: NOW - 1, last_used_at: NOW };
  const key = {
    user_handle: "handle",
    public_key: "key",
    sign_count: 2 ** 32 - 1,
    transports: "usb nfc",
    name: "Zoë 馬",
  };
  await transaction(db, async (db) => {
    for (let user_id = 1; user_id <= users; user_id++) {
      const own = { user_id, ...instants };
      await db
        .insertInto("totp_factors")
        .values({ ...own, secret: `abcd0123.${user_id}`, last_step: 58_000_000 })
        .execute();
      for (const id of [`A_${user_id}`, `b-${user_id}`]) {
        await db
          .insertInto("passkeys")
          .values({ ...own, ...key, id, is_backup_eligible: 1, is_backed_up: 0 })
          .execute();
      }
      await storeRecoveryCodes(
        db,
        user_id,
        Array.from({ length: 10 }, (_, code) => `${code} of ${user_id}`),
        NOW,
      );
      await refreshSecondFactor(db, user_id);
    }
  });
  await db.destroy();
}

/** Every row, in a fixed order. */
export async function readDatabase(url: string) {
  const db = await openDatabase(url, { mayCreate: false, poolSize: 1 });
  // The rows of node:sqlite have no prototype, those of other drivers have one: a strict comparison would find them different.
  const plain = <T extends object>(rows: T[]) => rows.map((row) => ({ ...row }));
  const users = plain(await db.selectFrom("users").selectAll().orderBy("id").execute());
  const groups = plain(await db.selectFrom("groups").selectAll().orderBy("id").execute());
  const members = plain(
    await db.selectFrom("user_groups").selectAll().orderBy("user_id").orderBy("group_id").execute(),
  );
  const factors = [
    plain(await db.selectFrom("totp_factors").selectAll().orderBy("user_id").execute()),
    plain(await db.selectFrom("recovery_codes").selectAll().orderBy("id").execute()),
    plain(await db.selectFrom("passkeys").selectAll().orderBy("id").execute()),
  ];
  const sessions = plain(await db.selectFrom("sessions").selectAll().orderBy("id").execute());
  const events = plain(await db.selectFrom("events").selectAll().orderBy("id").execute());
  const chains = plain(await db.selectFrom("event_chains").selectAll().orderBy("subject").execute());
  const lanes = plain(await db.selectFrom("event_lanes").selectAll().orderBy("lane").execute());
  const tables = (await db.introspection.getTables()).map(({ name }) => name).sort();
  await db.destroy();
  return { users, groups, members, factors, sessions, events, chains, lanes, tables };
}
