import { sha256 } from "@oslojs/crypto/sha2";

/**
 * Whether a password is one of the 120,000 most common. The first 20,000 have any length, as in Django's list; the next
 * 100,000 have at least 8 characters. `bun run passwords` generates the list. 1 other password in 100,000 is a false
 * positive.
 *
 * OWASP ASVS 5.0 V6.2.4 asks for 3,000. NIST SP 800-63B-4 §3.1.1.2: a longer list than guessing can reach is of little
 * use.
 */
export async function isCommonPassword(password: string): Promise<boolean> {
  filter ??= loadFilter();
  return isInFilter(await filter, commonForm(password));
}

let filter: Promise<Uint8Array> | undefined;

/** Loaded at first use: most processes never need it. */
async function loadFilter(): Promise<Uint8Array> {
  const { default: text } = await import("./common-passwords.txt", { with: { type: "text" } });
  return Buffer.from(text, "base64");
}

/** The form in which passwords are compared, as in Django's CommonPasswordValidator. */
export function commonForm(password: string): string {
  return password.toLowerCase().trim();
}

/** True for every word of the filter, and for a few others. */
function isInFilter(filter: Uint8Array, word: string): boolean {
  return placesOf(filter, word).every(({ byte, mask }) => ((filter[byte] ?? 0) & mask) !== 0);
}

/** A word sets 8 bits: its SHA-256 read as 8 numbers of 32 bits. */
export function placesOf(filter: Uint8Array, word: string): { byte: number; mask: number }[] {
  const digest = sha256(new TextEncoder().encode(word));
  const numbers = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
  return Array.from({ length: 8 }, (_, index) => {
    const place = numbers.getUint32(index * 4) % (filter.length * 8);
    return { byte: place >> 3, mask: 1 << (place & 7) };
  });
}
