import { sha1 } from "@oslojs/crypto/sha1";
import { encodeHexUpperCase } from "@oslojs/encoding";
import type { Services } from "../context.ts";

/** A person waits for the answer. */
const TIMEOUT_MS = 1000;

/** Five digits of a hash are told, which a thousand breached passwords and more share. */
const PREFIX_DIGITS = 5;

/**
 * Whether a password is known from a breach, as the service that the settings name says: the range API of Have I Been
 * Pwned, which is told the first five digits of the password's SHA-1 and answers with every hash that begins so
 * (https://haveibeenpwned.com/API/v3#SearchingPwnedPasswordsByRange). False where none is named, and where it does not
 * answer: a password can be set all the same, and the log tells.
 */
export async function isBreachedPassword(
  { config, log }: Pick<Services, "config" | "log">,
  password: string,
): Promise<boolean> {
  const { breachedPasswords: service } = config;
  if (service === null) return false;
  const hash = encodeHexUpperCase(sha1(new TextEncoder().encode(password)));
  try {
    const hashes = await askRange(service, hash.slice(0, PREFIX_DIGITS));
    return hashes.has(hash.slice(PREFIX_DIGITS));
  } catch (error) {
    log("warning", "breached_passwords_unavailable", { reason: reasonOf(error) });
    return false;
  }
}

/** @returns the rest of every breached hash that begins so */
async function askRange(service: string, prefix: string): Promise<Set<string>> {
  const response = await fetch(`${service}/range/${prefix}`, {
    headers: { "Add-Padding": "true", "User-Agent": "postern" },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) throw new StatusError(`status ${response.status}`);
  const lines = (await response.text()).split("\n").map((line) => line.trim().toUpperCase().split(":"));
  // Padding, so that nobody on the way can tell by its length which answer it was, has a count of 0.
  return new Set(lines.filter(([, count]) => Number(count) > 0).map(([rest = ""]) => rest));
}

class StatusError extends Error {}

/** An error's own message may repeat the URL, which ends in the beginning of the hash. */
function reasonOf(error: unknown): string {
  if (error instanceof StatusError) return error.message;
  if (!(error instanceof Error)) return "unknown";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
