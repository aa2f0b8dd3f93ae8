import { sha256 } from "@oslojs/crypto/sha2";

/**
 * Whether a password is among the 120,000 in the list that `bun run passwords` makes: the 20,000 most common, as many
 * as Django's list has, and the 100,000 that come after them of those with eight characters or more. The first call
 * loads it. One password in 100,000 that is not in the list passes for one that is.
 *
 * OWASP ASVS 5.0 V6.2.4 asks for 3,000. NIST SP 800-63B-4 §3.1.1.2 sees little use in many more than guessing reaches.
 */
export async function isCommonPassword(password: string): Promise<boolean> {
  filter ??= loadFilter();
  return isInFilter(await filter, commonForm(password));
}

let filter: Promise<Uint8Array> | undefined;

/** Not with the rest of the program: a server that nobody sets a password on has no use for it. */
async function loadFilter(): Promise<Uint8Array> {
  const { default: text } = await import("./common-passwords.txt", { with: { type: "text" } });
  return Buffer.from(text, "base64");
}

/** How a password is compared, as in Django's CommonPasswordValidator. */
export function commonForm(password: string): string {
  return password.toLowerCase().trim();
}

/** A Bloom filter of so many bits that has every one of the words. */
export function makeFilter(words: Iterable<string>, bits: number): Uint8Array {
  const filter = new Uint8Array(Math.ceil(bits / 8));
  for (const word of words) {
    for (const { byte, mask } of placesOf(filter, word)) filter[byte] = (filter[byte] ?? 0) | mask;
  }
  return filter;
}

/** True for every word that the filter was made of, and for a few others. */
export function isInFilter(filter: Uint8Array, word: string): boolean {
  return placesOf(filter, word).every(({ byte, mask }) => ((filter[byte] ?? 0) & mask) !== 0);
}

/** The eight bits that stand for a word: its SHA-256 as eight numbers of 32 bits. */
function placesOf(filter: Uint8Array, word: string): { byte: number; mask: number }[] {
  const digest = sha256(new TextEncoder().encode(word));
  const numbers = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
  return Array.from({ length: 8 }, (_, index) => {
    const place = numbers.getUint32(index * 4) % (filter.length * 8);
    return { byte: place >> 3, mask: 1 << (place & 7) };
  });
}
