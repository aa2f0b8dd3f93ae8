import type { Data } from "./body.ts";
import { type FieldErrors, type FieldMessage, fieldMessage } from "./message.ts";
import { Problem } from "./problem.ts";

/**
 * A text field as Django REST Framework's CharField reads it: numbers become text, anything else that is no text is
 * refused, and so are NUL and lone surrogates.
 */
export interface TextField {
  /** Cuts white space off both ends, with Python's idea of white space. */
  trim: boolean;
  /** Applied after white space is cut, before anything is checked. */
  normalize?: (text: string) => string;
  mayBeBlank?: boolean;
  /** In code points, as Python counts. */
  maxCharacters?: number;
  isEmail?: boolean;
}

/**
 * Reads the named fields of a request's data; all their errors are reported together.
 *
 * @throws Problem not_a_dictionary, no_data, invalid
 */
export function readFields<Name extends string>(data: Data, form: Record<Name, TextField>): Record<Name, string> {
  // Nothing is missing: every name has its value.
  return read(data, form, [fieldMessage("required")]) as Record<Name, string>;
}

/** The same for a PATCH, where what is not sent stays as it is. @throws Problem not_a_dictionary, no_data, invalid */
export function readChanges<Name extends string>(
  data: Data,
  form: Record<Name, TextField>,
): Partial<Record<Name, string>> {
  return read(data, form, null);
}

/** @param missing what is wrong with a field that was not sent, null where nothing is */
function read<Name extends string>(
  data: Data,
  form: Record<Name, TextField>,
  missing: FieldMessage[] | null,
): Partial<Record<Name, string>> {
  const given = data.kind === "form" ? Object.fromEntries(data.fields) : requireDictionary(data.value);
  const errors: FieldErrors = {};
  const values: Partial<Record<Name, string>> = {};
  for (const name of Object.keys(form) as Name[]) {
    const result = Object.hasOwn(given, name) ? readText(given[name], form[name]) : missing;
    if (typeof result === "string") values[name] = result;
    else if (result !== null) errors[name] = result;
  }
  if (Object.keys(errors).length > 0) throw new Problem("invalid", errors);
  return values;
}

function requireDictionary(value: unknown): Record<string, unknown> {
  if (value === null) throw new Problem("no_data");
  if (Array.isArray(value)) throw new Problem("not_a_dictionary", { type: "list" });
  if (typeof value === "object") return value as Record<string, unknown>; // Neither null nor a list: JSON's third object.
  const pythonTypes: Record<string, string> = { string: "str", boolean: "bool", bigint: "int", number: "float" };
  throw new Problem("not_a_dictionary", { type: pythonTypes[typeof value] ?? typeof value });
}

/** The text, or what is wrong with it. */
function readText(value: unknown, field: TextField): string | FieldMessage[] {
  if (value === null) return [fieldMessage("null")];
  if (typeof value !== "string" && typeof value !== "bigint" && typeof value !== "number")
    return [fieldMessage("not_a_string")];
  const sent = field.trim ? pythonStrip(String(value)) : String(value);
  const text = field.normalize?.(sent) ?? sent;
  if (text === "") return field.mayBeBlank ? "" : [fieldMessage("blank")];
  const errors: FieldMessage[] = [];
  if (text.includes("\0")) errors.push(fieldMessage("null_characters"));
  const surrogate = /\p{Surrogate}/u.exec(text)?.[0];
  if (surrogate) {
    const code = surrogate.charCodeAt(0).toString(16).toUpperCase();
    errors.push(fieldMessage("surrogate_characters", { character: `U+${code}` }));
  }
  const { maxCharacters, isEmail } = field;
  if (maxCharacters !== undefined && [...text].length > maxCharacters) {
    errors.push(fieldMessage("max_length", { max: maxCharacters }));
  }
  if (isEmail && !isEmailAddress(text)) errors.push(fieldMessage("invalid_email"));
  return errors.length > 0 ? errors : text;
}

/** One `@`, something before it, a domain after it, nothing a header could be smuggled in with. */
export function isEmailAddress(text: string): boolean {
  return /^[^\s@\p{C}]+@[^\s@\p{C}.]+(\.[^\s@\p{C}.]+)*$/u.test(text);
}

/** What Python's `str.strip()` takes for white space; JavaScript's `trim()` has another idea. */
const PYTHON_SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const LEADING_SPACE = new RegExp(`^${PYTHON_SPACE}+`);
const TRAILING_SPACE = new RegExp(`(?<!${PYTHON_SPACE})${PYTHON_SPACE}+$`);

function pythonStrip(text: string): string {
  return text.replace(LEADING_SPACE, "").replace(TRAILING_SPACE, "");
}
