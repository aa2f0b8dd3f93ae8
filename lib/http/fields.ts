import type { Data } from "./body.ts";
import { isEmailAddress } from "./email-address.ts";
import { type FieldErrors, type FieldMessage, fieldMessage } from "./message.ts";
import { Problem } from "./problem.ts";

/**
 * A text field, read as Django REST Framework's CharField reads it. Numbers become text. Other values that are not text,
 * NUL, and lone surrogates are validation errors.
 */
export interface TextField {
  /** Removes from both ends what Python counts as white space. */
  trim: boolean;
  /** Applied to the trimmed text, before the checks. */
  normalize?: (text: string) => string;
  mayBeBlank?: boolean;
  /** In code points, as Python counts. */
  maxCharacters?: number;
  isEmail?: boolean;
}

/**
 * Reads the fields of a form from a request's data. All errors are reported together.
 *
 * @throws Problem not_a_dictionary, no_data, invalid
 */
export function readFields<Name extends string>(data: Data, form: Record<Name, TextField>): Record<Name, string> {
  // With a message for missing fields, `read` returns a value for every name or throws.
  return read(data, form, [fieldMessage("required")]) as Record<Name, string>;
}

/** The same for a PATCH: a field that was not sent is left out. @throws Problem not_a_dictionary, no_data, invalid */
export function readChanges<Name extends string>(
  data: Data,
  form: Record<Name, TextField>,
): Partial<Record<Name, string>> {
  return read(data, form, null);
}

/** @param missing the errors of a field that was not sent; null if it may be left out */
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

/** Whether a box of a form is ticked. A program sends `"on"`, like a browser. */
export function isTicked(data: Data, name: string): boolean {
  return sentMember(data, name) === "on";
}

/** What was sent under a name, unchecked; undefined if nothing was. */
export function sentMember(data: Data, name: string): unknown {
  if (data.kind === "form") return data.fields.get(name);
  const { value } = data;
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return Reflect.get(value, name);
}

function requireDictionary(value: unknown): Record<string, unknown> {
  if (value === null) throw new Problem("no_data");
  if (Array.isArray(value)) throw new Problem("not_a_dictionary", { type: "list" });
  if (typeof value === "object") return value as Record<string, unknown>; // Neither null nor a list: JSON's third object.
  const pythonTypes: Record<string, string> = { string: "str", boolean: "bool", bigint: "int", number: "float" };
  throw new Problem("not_a_dictionary", { type: pythonTypes[typeof value] ?? typeof value });
}

/** @returns the text, or its errors */
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

/** The white space of Python's `str.strip()`. JavaScript's `trim()` removes other characters. */
const PYTHON_SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const LEADING_SPACE = new RegExp(`^${PYTHON_SPACE}+`);
const TRAILING_SPACE = new RegExp(`(?<!${PYTHON_SPACE})${PYTHON_SPACE}+$`);

function pythonStrip(text: string): string {
  return text.replace(LEADING_SPACE, "").replace(TRAILING_SPACE, "");
}
