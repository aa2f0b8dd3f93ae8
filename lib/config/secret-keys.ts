import { setTimeout } from "node:timers/promises";
import { DatabaseError } from "../../db/error.ts";
import { listLanes } from "../../db/event-lanes.ts";
import { sealTrail } from "../../db/event-seal.ts";
import { createKeyFile, keyFileOf, readKeyFile } from "../../db/key-file.ts";
import { type Db, isPostgresUrl, sqliteFile } from "../../db/open.ts";
import { deriveKeys, generateSecretKey, type Keys, parseSecretKeys, type SecretKeys } from "../crypto/keys.ts";
import { type Config, ConfigError } from "./config.ts";

type Settings = Pick<Config, "secretKey" | "databaseUrl">;

const PUT_KEY_BACK =
  "Put the key of this database back. If it is lost, `audit --new-key` goes on with a new one, in a new file if the old " +
  "one is removed. What the lost key has signed can then no longer be verified.";

/** Another process may have created the key file, and not yet written it. */
const WRITE_POLLS = 40;
const WRITE_POLL_MS = 50;

export const POSTGRES_NEEDS_KEY =
  "POSTERN_SECRET_KEY is not set, and Postgres needs it. The command generate-key prints one: give every node the same.";

/** Tells of the missing setting before anything is opened. @throws ConfigError */
export function requireSecretKey({ secretKey, databaseUrl }: Settings): void {
  if (secretKey === null && isPostgresUrl(databaseUrl)) throw new ConfigError([POSTGRES_NEEDS_KEY]);
}

/**
 * The keys, for a database that has been migrated. Seals its trail if no process with a key has done so yet.
 *
 * @throws ConfigError, DatabaseError; also if the trail is signed with none of these keys
 */
export async function openKeys(config: Settings, db: Db, now: () => number): Promise<Keys> {
  const keys = deriveKeys(await findSecretKeys(config));
  await sealTrail(db, keys.audit, now());
  // A wrong key in a setting is a mistake, and one node with it would spoil the trail of all. A key file goes missing when
  // a backup comes back on another machine: there the trail goes on, and shows that it did.
  if (config.secretKey === null) return keys;
  const lost = await describeLostKey(keys, db);
  if (lost !== null) throw new DatabaseError(`${lost} ${PUT_KEY_BACK}`);
  return keys;
}

/** @returns a sentence if none of the keys has signed the trail, else null */
export async function describeLostKey(keys: Keys, db: Db): Promise<string | null> {
  const signed = (await listLanes(db)).filter(({ mac }) => mac !== "");
  if (signed.length === 0 || signed.some(({ mac }) => keys.audit.knows(mac))) return null;
  return "The audit trail is signed with another key than this one.";
}

/**
 * The keys, for a look that changes nothing.
 *
 * @returns `unset` if the setting is missing and there is no key file to have, `none` if there is no key file
 * @throws DatabaseError if there is something wrong with the file
 */
export function readKeys({ secretKey, databaseUrl }: Settings): Keys | "unset" | "none" {
  if (secretKey !== null) return deriveKeys(secretKey);
  const file = sqliteFile(databaseUrl);
  if (file === null) return "unset";
  const text = readKeyFile(keyFileOf(file));
  return text === null ? "none" : deriveKeys(requireKeys(text, keyFileOf(file)));
}

/** The keys for a trail whose own key is lost. */
export async function openNewKeys(config: Settings): Promise<Keys> {
  return deriveKeys(await findSecretKeys(config));
}

/**
 * The secret keys: those of the setting, else those of the key file beside the SQLite database, which is created if it is missing. A database in memory has
 * a key of its process.
 */
async function findSecretKeys(config: Settings): Promise<SecretKeys> {
  const { secretKey, databaseUrl } = config;
  if (secretKey !== null) return secretKey;
  requireSecretKey(config);
  const file = sqliteFile(databaseUrl);
  if (file === null) return requireKeys(generateSecretKey(), "");
  const path = keyFileOf(file);
  if (readKeyFile(path) === null) createKeyFile(path, generateSecretKey());
  for (let polls = 0; readKeyFile(path) === "" && polls < WRITE_POLLS; polls++) await setTimeout(WRITE_POLL_MS);
  return requireKeys(readKeyFile(path) ?? "", path);
}

function requireKeys(text: string, path: string): SecretKeys {
  const keys = parseSecretKeys(text);
  if (keys !== null) return keys;
  throw new DatabaseError(`The key file ${path} holds no key of Postern. ${PUT_KEY_BACK}`);
}
