import { preferLanguage } from "../../http/language.ts";
import { en, type Words } from "./en.ts";
import { it } from "./it.ts";

const LANGUAGES = { en, it };

export type Language = keyof typeof LANGUAGES;

/** What a page is written in. */
export interface Tongue {
  language: Language;
  words: Words;
}

/** @param acceptLanguage the header, null where there is none */
export function chooseTongue(acceptLanguage: string | null): Tongue {
  const language = preferLanguage<Language>(acceptLanguage, ["en", "it"]);
  return { language, words: LANGUAGES[language] };
}

/** What varies in a message of the wire: numbers, and code points as `U+D800`. */
const VARYING = /U\+[0-9A-F]+|\d+/g;

/** A message of the wire, which is English, in the page's language; as it is where that has no words for it. */
export function translate({ messages }: Words, message: string): string {
  const values: string[] = [];
  const key = message.replace(VARYING, (value) => `{${values.push(value) - 1}}`);
  return messages[key]?.replace(/\{(\d)\}/g, (_, index: string) => values[Number(index)] ?? "") ?? message;
}
