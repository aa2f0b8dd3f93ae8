import { DatabaseError } from "../../db/error.ts";
import { isLaneSigned, type Lane } from "../../db/event-macs.ts";
import type { Config } from "../config/config.ts";
import { POSTGRES_NEEDS_KEY, readKeys } from "../config/secret-keys.ts";
import type { Keys } from "../crypto/keys.ts";
import type { Finding } from "./findings.ts";

/**
 * Errors of the secret key, and of the heads of the audit trail that it signs.
 *
 * @param lanes the heads; empty if the database cannot be read
 */
export function keyFindings(config: Config, lanes: Lane[]): Finding[] {
  const common = { level: "error", mend: "POSTERN_SECRET_KEY" } as const;
  const signed = lanes.filter(({ mac }) => mac !== "");
  try {
    const keys = readKeys(config);
    if (keys === "unset") return [{ ...common, code: "key_missing", message: POSTGRES_NEEDS_KEY }];
    if (keys !== "none") return headFindings(keys, signed);
    const message = "The key file beside the database is missing: no key verifies the audit trail. Restore the file.";
    return signed.length === 0 ? [] : [{ ...common, code: "key_missing", message, mend: "audit --new-key" }];
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    return [{ ...common, code: "key_file", message: error.message, mend: null }];
  }
}

/** @returns null if there is no key, or if it cannot be read: `keyFindings` says why */
export function findKeys(config: Config): Keys | null {
  try {
    const keys = readKeys(config);
    return typeof keys === "string" ? null : keys;
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    return null;
  }
}

function headFindings(keys: Keys, signed: Lane[]): Finding[] {
  if (signed.length > 0 && !signed.some(({ mac }) => keys.audit.knows(mac))) {
    const message = "No key verifies the audit trail: another key signed it. Set that key.";
    return [{ level: "error", code: "key_lost", message, mend: "audit --new-key" }];
  }
  if (signed.every((lane) => isLaneSigned(keys.audit, lane))) return [];
  const message = "The head of the audit trail was changed, or a lost key has signed it.";
  return [{ level: "error", code: "trail_changed", message, mend: "audit --verify" }];
}

/** For an operator who copies the database. */
export const KEY_REMINDER =
  "It does not have the secret key. Keep a copy of POSTERN_SECRET_KEY, or of postern.key, in another place: the audit " +
  "trail and authenticator apps need it.";

/** @returns the warning if no key verifies the trail, else null */
export function describeForeignTrail(config: Config, lanes: Lane[]): string | null {
  const lost = keyFindings(config, lanes).find(({ code }) => code === "key_lost" || code === "key_missing");
  return lost === undefined
    ? null
    : `${lost.message} Until then, the trail goes on with another key, and its older events cannot be verified.`;
}
