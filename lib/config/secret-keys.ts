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
  "Put the key of this database back. If it is lost, run `audit --new-key` to go on with a new one; remove a damaged key " +
  "file first. Events that the lost key signed can then no longer be verified, and authenticator apps that it sealed cannot " +
  "be opened.";

/** Another process may have created the key file and not yet written the key. */
const WRITE_POLLS = 40;
const WRITE_POLL_MS = 50;

export const POSTGRES_NEEDS_KEY =
  "POSTERN_SECRET_KEY is not set, and Postgres needs it. The command generate-key prints one. Give every node the same.";

/** Called before the database is opened. @throws ConfigError if the key is missing */
export function requireSecretKey({ secretKey, databaseUrl }: Settings): void {
  if (secretKey === null && isPostgresUrl(databaseUrl)) throw new ConfigError([POSTGRES_NEEDS_KEY]);
}

/**
 * The keys for a migrated database. Seals an audit trail that has no MACs yet.
 *
 * @throws ConfigError
 * @throws DatabaseError also if the setting holds no key that signed the trail
 */
export async function openKeys(config: Settings, db: Db, now: () => number): Promise<Keys> {
  const keys = deriveKeys(await findSecretKeys(config));
  await sealTrail(db, keys.audit, now());
  // A wrong setting on one node would spoil the trail of all nodes. If a backup is restored on another machine, its key
  // file is missing: the trail continues with a new key, and `audit --verify` reports it.
  if (config.secretKey === null) return keys;
  const lost = await describeLostKey(keys, db);
  if (lost !== null) throw new DatabaseError(`${lost} ${PUT_KEY_BACK}`);
  return keys;
}

/** @returns a sentence if none of the keys signed the trail, else null */
export async function describeLostKey(keys: Keys, db: Db): Promise<string | null> {
  const signed = (await listLanes(db)).filter(({ mac }) => mac !== "");
  if (signed.length === 0 || signed.some(({ mac }) => keys.audit.knows(mac))) return null;
  return "The audit trail is signed with another key.";
}

/**
 * The keys for commands that change nothing.
 *
 * @returns `unset` if the setting is missing and the database can have no key file; `none` if the key file is missing
 * @throws DatabaseError if the key file is unsafe or damaged
 */
export function readKeys({ secretKey, databaseUrl }: Settings): Keys | "unset" | "none" {
  if (secretKey !== null) return deriveKeys(secretKey);
  const file = sqliteFile(databaseUrl);
  if (file === null) return "unset";
  const text = readKeyFile(keyFileOf(file));
  return text === null ? "none" : deriveKeys(requireKeys(text, keyFileOf(file)));
}

/** The keys for a trail whose key is lost. Unlike `openKeys`, does not compare them with the trail. */
export async function openNewKeys(config: Settings): Promise<Keys> {
  return deriveKeys(await findSecretKeys(config));
}

/** The setting, else the key file beside the SQLite database, created if it is missing; a random key if in memory. */
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
  throw new DatabaseError(`The key file ${path} holds no valid key. ${PUT_KEY_BACK}`);
}
