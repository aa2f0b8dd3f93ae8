import { createHmac, hash } from "node:crypto";
import { constantTimeEqual } from "@oslojs/crypto/subtle";
import { encodeBase32LowerCaseNoPadding } from "@oslojs/encoding";

/** 160 bits: ASVS 5.0 V7.2.3 asks for 128. In base32 they are 32 characters, as long as Django's session key. */
const TOKEN_BYTES = 20;

const utf8 = new TextEncoder();

/** A new secret of 32 characters `[a-z2-7]`. */
export function generateToken(): string {
  return encodeToken(crypto.getRandomValues(new Uint8Array(TOKEN_BYTES)));
}

/** The first 160 bits as 32 characters `[a-z2-7]`. @param bytes at least 20 */
export function encodeToken(bytes: Uint8Array): string {
  return encodeBase32LowerCaseNoPadding(bytes.slice(0, TOKEN_BYTES));
}

/** The alphabet of base32 (RFC 4648 §6), in lower case. */
const LETTERS = utf8.encode("abcdefghijklmnopqrstuvwxyz234567");
const ascii = new TextDecoder("latin1");

const ID_CHARACTERS = 16;

/** Random letters for the next request ids. One call for many costs less than many calls. */
let letters = "";
let used = 0;

/** 16 characters `[a-z2-7]`, 80 random bits. Not a secret. */
export function generateRequestId(): string {
  if (used === letters.length) {
    const bytes = crypto.getRandomValues(new Uint8Array(256 * ID_CHARACTERS));
    letters = ascii.decode(bytes.map((byte) => LETTERS[byte & 31] ?? 0));
    used = 0;
  }
  used += ID_CHARACTERS;
  return letters.slice(used - ID_CHARACTERS, used);
}

/** The SHA-256 of a token in hex; the database stores only this. 160 random bits need no salt and no slow hash. */
export function hashToken(token: string): string {
  return hash("sha256", token); // Called by every request with a session; the runtime's hash is the fastest.
}

/** The CSRF token of a session: 32 characters `[a-z2-7]`, an HMAC keyed with the session token. */
export function deriveCsrfToken(sessionToken: string): string {
  return encodeToken(createHmac("sha256", sessionToken).update("csrftoken").digest());
}

/** Compares in constant time, except for the lengths. */
export function equalSecrets(a: string, b: string): boolean {
  return constantTimeEqual(utf8.encode(a), utf8.encode(b));
}
