import type { FIELD_MESSAGES, FieldMessageCode, Values } from "../../http/message.ts";
import type { FormCode, ProblemStatus } from "../../http/problem.ts";

/** A text without values, or a function of the values that the wire's text has placeholders for. */
type Text<Wire extends string> = [keyof Values<Wire>] extends [never] ? string : (values: Values<Wire>) => string;

/** What is wrong, by code. A language that lacks a text does not compile. */
export interface ErrorTexts {
  fields: { readonly [Code in FieldMessageCode]: Text<(typeof FIELD_MESSAGES)[Code]> };
  /** `{wait}` stands for a time such as `in 30 seconds`. */
  form: Readonly<Record<FormCode, string>>;
  pages: Readonly<Record<ProblemStatus, readonly [title: string, text: string]>>;
}
