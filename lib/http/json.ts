/** Python's limit for integers in text: a longer one is a parse error. */
const MAX_INTEGER_DIGITS = 4300;

/**
 * Integers become `bigint`, other numbers `number`. Never throws, not even for text nested deeper than the stack.
 */
export function parseJson(text: string): { ok: true; value: unknown } | { ok: false; reason: string } {
  try {
    return { ok: true, value: JSON.parse(text, keepIntegersExact) };
  } catch (error) {
    if (error instanceof RangeError) return { ok: false, reason: "nested too deeply, or a number too long." };
    return { ok: false, reason: "not a valid JSON document (RFC 8259)." };
  }
}

/** A reviver with the source text of each number (ECMAScript, "JSON.parse source text access"). */
function keepIntegersExact(_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== "number" || source === undefined || !/^-?\d+$/.test(source)) return value;
  if (source.replace("-", "").length > MAX_INTEGER_DIGITS) throw new RangeError("integer too long");
  return BigInt(source);
}

/** Like Django REST Framework: U+2028 and U+2029 are escaped, all else is raw. @param indent 0 for compact */
export function renderJson(value: unknown, indent: number): string {
  return JSON.stringify(value, null, indent).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}
