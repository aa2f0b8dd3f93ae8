import { deriveKeys, parseSecretKeys } from "../../lib/crypto/keys.ts";

/** For tests that need the same key in several processes, or on Postgres, which needs the setting. */
export const TEST_SECRET_KEY = Buffer.alloc(32, "postern").toString("base64url");

export const TEST_KEYS = deriveKeys(parseSecretKeys(TEST_SECRET_KEY) ?? []);
