import { percentDecode } from "./form.ts";

/** A media type or media range in lower case. */
export interface MediaType {
  type: string;
  subtype: string;
  parameters: Map<string, string>;
}

/** Parses a Content-Type or an entry of Accept. Never throws: a malformed text becomes the `type`. */
export function parseMediaType(text: string): MediaType {
  const { value, parameters } = parseParameters(text);
  const slash = value.indexOf("/");
  return slash < 0
    ? { type: value, subtype: "", parameters }
    : { type: value.slice(0, slash), subtype: value.slice(slash + 1), parameters };
}

/** Whether a range such as `text/*` includes a type. Ignores the parameters. */
export function matches(range: MediaType, type: string, subtype: string): boolean {
  return (range.type === "*" || range.type === type) && (range.subtype === "*" || range.subtype === subtype);
}

/**
 * Splits `value; name=text; name="quoted \" text"` (RFC 9110 §5.6.6) like Django's `parse_header`. A `;` in quotes does
 * not split. Names and the value become lower case, and the last of equal names counts.
 */
export function parseParameters(text: string): { value: string; parameters: Map<string, string> } {
  const [first = "", ...rest] = splitOutsideQuotes(text);
  const parameters = new Map<string, string>();
  for (const part of rest) {
    const equals = part.indexOf("=");
    if (equals < 0) continue;
    const name = trimAscii(part.slice(0, equals)).toLowerCase();
    const text = trimAscii(part.slice(equals + 1));
    if (name.endsWith("*")) parameters.set(name.slice(0, -1), unquote(decodeExtended(text)));
    else parameters.set(name, unquote(text));
  }
  return { value: trimAscii(first).toLowerCase(), parameters };
}

/** Trims ASCII white space. In text with one character per byte, `trim()` would also remove bytes of UTF-8. */
export function trimAscii(text: string): string {
  return text.replace(/^[\t-\r ]+|(?<![\t-\r ])[\t-\r ]+$/g, "");
}

function splitOutsideQuotes(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') quoted = !quoted;
    // As in Django, an unclosed quote extends to the end.
    if (text[i] !== ";" || quoted) continue;
    parts.push(text.slice(start, i));
    start = i + 1;
  }
  return [...parts, text.slice(start)];
}

/** Decodes `charset'language'percent-encoded` (RFC 8187 §3.2). Returns any other text unchanged. */
function decodeExtended(text: string): string {
  const [charset = "", language, value, ...more] = text.split("'");
  if (language === undefined || value === undefined || more.length > 0) return text;
  try {
    return percentDecode(value, new TextDecoder(charset || "utf-8", { ignoreBOM: true }));
  } catch {
    return value; // Unknown charset.
  }
}

function unquote(value: string): string {
  if (value.length < 2 || !value.startsWith('"') || !value.endsWith('"')) return value;
  return value.slice(1, -1).replaceAll("\\\\", "\\").replaceAll('\\"', '"');
}
