import { deriveKeys, parseSecretKeys } from "../../lib/crypto/keys.ts";

/** For every test that needs the same key in several processes, or on Postgres, where it must be set. */
export const TEST_SECRET_KEY = Buffer.alloc(32, "postern").toString("base64url");

export const TEST_KEYS = deriveKeys(parseSecretKeys(TEST_SECRET_KEY) ?? []);
