import { sha1 } from "@oslojs/crypto/sha1";
import { encodeHexUpperCase } from "@oslojs/encoding";
import type { Services } from "../services.ts";

/** A person waits for the answer, so a slow service is skipped. */
const TIMEOUT_MS = 1000;

/** Hexadecimal digits of the SHA-1 that are sent. More than 1000 breached passwords share each prefix. */
const PREFIX_DIGITS = 5;

/**
 * Asks the configured service whether a password appeared in a breach, by the range API of Have I Been Pwned
 * (https://haveibeenpwned.com/API/v3#SearchingPwnedPasswordsByRange).
 *
 * @returns false if no service is configured; also if it does not answer, which is logged
 */
export async function isBreachedPassword(
  { config, log }: Pick<Services, "config" | "log">,
  password: string,
): Promise<boolean> {
  const { breachedPasswords: service } = config;
  if (service === null) return false;
  const hash = encodeHexUpperCase(sha1(new TextEncoder().encode(password)));
  try {
    const hashes = await fetchRange(service, hash.slice(0, PREFIX_DIGITS));
    return hashes.has(hash.slice(PREFIX_DIGITS));
  } catch (error) {
    log("warning", "breached_passwords_unavailable", { reason: reasonOf(error) });
    return false;
  }
}

/** @returns the breached hashes with this prefix, without the prefix */
async function fetchRange(service: string, prefix: string): Promise<Set<string>> {
  const response = await fetch(`${service}/range/${prefix}`, {
    headers: { "Add-Padding": "true", "User-Agent": "postern" },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) throw new StatusError(`status ${response.status}`);
  const lines = (await response.text()).split("\n").map((line) => line.trim().toUpperCase().split(":"));
  // Entries with a count of 0 are padding, which hides the length of the answer from an eavesdropper.
  return new Set(lines.filter(([, count]) => Number(count) > 0).map(([rest = ""]) => rest));
}

class StatusError extends Error {}

/** Without the error's message: it may hold the URL, and so the prefix of the hash. */
function reasonOf(error: unknown): string {
  if (error instanceof StatusError) return error.message;
  if (!(error instanceof Error)) return "unknown";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
