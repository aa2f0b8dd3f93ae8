import { setTimeout } from "node:timers/promises";
import { DatabaseError } from "../db/error.ts";
import { createKeyFile, keyFileOf, readKeyFile } from "../db/key-file.ts";
import { isPostgresUrl, sqliteFile } from "../db/open.ts";
import { type Config, ConfigError } from "./config.ts";
import { generateSecretKey, parseSecretKeys, type SecretKeys } from "./crypto/keys.ts";

/** Another process may have created the key file, and not yet written it. */
const WRITE_POLLS = 40;
const WRITE_POLL_MS = 50;

export const POSTGRES_NEEDS_KEY =
  "POSTERN_SECRET_KEY is not set, and Postgres needs it. The command generate-key prints one: give every node the same.";

/**
 * The secret keys: those of the setting, else those of the key file beside the SQLite database, which is created if it
 * is missing. A database in memory has a key of its process.
 *
 * @throws ConfigError, DatabaseError
 */
export async function findSecretKeys(config: Pick<Config, "secretKey" | "databaseUrl">): Promise<SecretKeys> {
  const { secretKey, databaseUrl } = config;
  if (secretKey !== null) return secretKey;
  if (isPostgresUrl(databaseUrl)) throw new ConfigError([POSTGRES_NEEDS_KEY]);
  const file = sqliteFile(databaseUrl);
  if (file === null) return requireKeys(generateSecretKey(), "");
  const path = keyFileOf(file);
  let text = readKeyFile(path);
  if (text === null) {
    createKeyFile(path, generateSecretKey());
    text = readKeyFile(path);
  }
  for (let polls = 0; text === "" && polls < WRITE_POLLS; polls++) {
    await setTimeout(WRITE_POLL_MS);
    text = readKeyFile(path);
  }
  return requireKeys(text ?? "", path);
}

function requireKeys(text: string, path: string): SecretKeys {
  const keys = parseSecretKeys(text);
  if (keys !== null) return keys;
  const lost = "If the key is lost, remove the file: the server creates another, and the audit trail begins anew.";
  throw new DatabaseError(`The key file ${path} holds no key of Postern. Put the key back. ${lost}`);
}
