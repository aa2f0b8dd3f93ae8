/** A media type or range as Django REST Framework reads it: lower-case type, parameters by lower-case name. */
export interface MediaType {
  type: string;
  subtype: string;
  parameters: Map<string, string>;
}

/** Reads the value of a Content-Type, Accept entry or Content-Disposition. Never throws; junk has an odd `type`. */
export function parseMediaType(text: string): MediaType {
  const { value, parameters } = parseParameters(text);
  const slash = value.indexOf("/");
  return slash < 0
    ? { type: value, subtype: "", parameters }
    : { type: value.slice(0, slash), subtype: value.slice(slash + 1), parameters };
}

/** Whether a range such as `text/*` takes in a type. Wildcards count on either side, parameters do not. */
export function matches(range: MediaType, type: string, subtype: string): boolean {
  return (range.type === "*" || range.type === type) && (range.subtype === "*" || range.subtype === subtype);
}

/**
 * Splits `value; name=text; name="quoted \" text"` (RFC 9110 §5.6.6), with the leniency of Django's `parse_header`:
 * a `;` counts only where the quotes before it pair up, names and the value are lower-cased, the last of equal names wins.
 */
export function parseParameters(text: string): { value: string; parameters: Map<string, string> } {
  const [first = "", ...rest] = splitOutsideQuotes(text);
  const parameters = new Map<string, string>();
  for (const part of rest) {
    const equals = part.indexOf("=");
    if (equals < 0) continue;
    parameters.set(part.slice(0, equals).trim().toLowerCase(), unquote(part.slice(equals + 1).trim()));
  }
  return { value: first.trim().toLowerCase(), parameters };
}

function splitOutsideQuotes(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') quoted = !quoted;
    // Like Django's, a quote left open swallows the rest.
    if (text[i] !== ";" || quoted) continue;
    parts.push(text.slice(start, i));
    start = i + 1;
  }
  return [...parts, text.slice(start)];
}

function unquote(value: string): string {
  if (value.length < 2 || !value.startsWith('"') || !value.endsWith('"')) return value;
  return value.slice(1, -1).replaceAll("\\\\", "\\").replaceAll('\\"', '"');
}
