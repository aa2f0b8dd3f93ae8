/** The longest integer Python converts from text; a longer one is a parse error there and so here. */
const MAX_INTEGER_DIGITS = 4300;

/**
 * JSON text to a value, integers as exact `bigint` and other numbers as `number`; malformed text, and text nested
 * deeper than the engine's stack, give `{ ok: false }`. Never throws.
 */
export function parseJson(text: string): { ok: true; value: unknown } | { ok: false; reason: string } {
  try {
    return { ok: true, value: JSON.parse(text, keepIntegersExact) };
  } catch (error) {
    if (error instanceof RangeError) return { ok: false, reason: "nested too deeply, or a number too long." };
    return { ok: false, reason: "not a valid JSON document (RFC 8259)." };
  }
}

/** Reviver with source text access (ECMAScript, "JSON.parse source text access"). */
function keepIntegersExact(_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== "number" || source === undefined || !/^-?\d+$/.test(source)) return value;
  if (source.replace("-", "").length > MAX_INTEGER_DIGITS) throw new RangeError("integer too long");
  return BigInt(source);
}

/** Compact or indented JSON as Django REST Framework renders it: U+2028 and U+2029 escaped, all else raw. */
export function renderJson(value: unknown, indent: number): string {
  return JSON.stringify(value, null, indent).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}
