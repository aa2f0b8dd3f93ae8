import { namedLanguage, preferLanguage, preferRegion } from "../../http/language.ts";
import type { FieldMessage } from "../../http/message.ts";
import { type AccountWords, account as accountInEnglish } from "./account.en.ts";
import { account as accountInItalian } from "./account.it.ts";
import type { ErrorTexts } from "./error-texts.ts";
import { errors as errorsInEnglish } from "./errors.en.ts";
import { errors as errorsInItalian } from "./errors.it.ts";
import { type MailWords, mail as mailInEnglish } from "./mail.en.ts";
import { mail as mailInItalian } from "./mail.it.ts";
import { type SecurityWords, security as securityInEnglish } from "./security.en.ts";
import { security as securityInItalian } from "./security.it.ts";

export interface Words extends AccountWords, SecurityWords {
  errors: ErrorTexts;
}

export const LANGUAGES = {
  en: { ...accountInEnglish, ...securityInEnglish, errors: errorsInEnglish },
  it: { ...accountInItalian, ...securityInItalian, errors: errorsInItalian },
} satisfies Record<string, Words>;

export type Language = keyof typeof LANGUAGES;

/** The first one is for a reader of any other language. */
const TAGS: readonly [Language, ...Language[]] = ["en", "it"];

export const MAIL_WORDS: Readonly<Record<Language, MailWords>> = { en: mailInEnglish, it: mailInItalian };

/** The language of a page and the format of its dates. */
export interface Locale {
  language: Language;
  /** For `Intl`: the page's language, and the reader's region if it is known. `en-CH` for a reader of `de-CH`. */
  locale: string;
  words: Words;
}

/** @param acceptLanguage the header, null if there is none */
export function chooseLocale(acceptLanguage: string | null): Locale {
  const language = preferLanguage(acceptLanguage, TAGS);
  // Without a region, English dates are Britain's: the day before the month, and 24 hours.
  const region = preferRegion(acceptLanguage) ?? (language === "en" ? "GB" : "IT");
  return { language, locale: `${language}-${region}`, words: LANGUAGES[language] };
}

/** The language of the mails to a client. @returns null if the header names none that has texts */
export function mailLanguage(acceptLanguage: string | null): Language | null {
  return namedLanguage(acceptLanguage, TAGS);
}

/** A message about a field, in the page's language. */
export function fieldText({ errors }: Words, { code, values }: FieldMessage): string {
  // A FieldMessage has the values of its own code, which is what `ErrorTexts` asks for. The compiler loses track of that.
  const text = errors.fields[code] as string | ((values: FieldMessage["values"]) => string);
  return typeof text === "string" ? text : text(values);
}
