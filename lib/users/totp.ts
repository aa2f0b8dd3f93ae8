import { createTOTPKeyURI, verifyHOTP } from "@oslojs/otp";
import type { User } from "../../db/users.ts";

// Codes of an authenticator app: RFC 6238 with SHA-1, 30 seconds and 6 digits. Most apps know nothing else.

const STEP_MS = 30_000;
const DIGITS = 6;

/** RFC 4226 §4, R6: 160 bits are recommended. */
const SECRET_BYTES = 20;

/** RFC 6238 §5.2: at most one step, for the time on the network and clocks that differ. */
const DRIFT_STEPS = 1;

export function generateTotpSecret(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
}

/** The owner of a sealed secret: see `SealKey`. */
export function totpOwner({ id }: Pick<User, "id">): string {
  return `totp:${id}`;
}

/** Of a name in the address, encoded. A phone reads the QR code from a screen only if its modules are few. */
const MAX_URI_NAME_BYTES = 90;

/** The address that an app reads from the QR code. @param issuer the site's name */
export function totpUri(issuer: string, { username }: Pick<User, "username">, secret: Uint8Array): string {
  const uri = createTOTPKeyURI(nameInUri(issuer), nameInUri(username), secret, STEP_MS / 1000, DIGITS);
  return uri.replaceAll("+", "%20"); // Some apps do not decode a plus.
}

/** A colon separates the two names, and apps split at the first one, escaped or not. A long name is cut. */
function nameInUri(name: string): string {
  let cut = "";
  for (const character of name.toWellFormed().replaceAll(":", " ")) {
    if (encodeURIComponent(cut + character).length > MAX_URI_NAME_BYTES) break;
    cut += character;
  }
  return cut;
}

/**
 * The time step that a code belongs to.
 *
 * @param after a step that was used: this one and those before are left out
 * @returns null if the code is wrong
 */
export function findTotpStep(secret: Uint8Array, code: string, now: number, after: number): number | null {
  const current = Math.floor(now / STEP_MS);
  for (let step = current - DRIFT_STEPS; step <= current + DRIFT_STEPS; step++) {
    if (step > after && step >= 0 && verifyHOTP(secret, BigInt(step), DIGITS, code)) return step;
  }
  return null;
}
