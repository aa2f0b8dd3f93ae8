/** Django's `DATA_UPLOAD_MAX_NUMBER_FIELDS`. */
export const MAX_FORM_FIELDS = 1000;

/**
 * Parses `application/x-www-form-urlencoded` like Django's QueryDict. Only `&` separates, and `+` is a space. A name
 * without `=` is a blank field, the last of equal names counts, an invalid `%` stays. Raw bytes that do not decode are
 * read as ISO-8859-1; escaped ones become U+FFFD. Never throws.
 *
 * @returns null if there are more than MAX_FORM_FIELDS fields
 */
export function parseForm(body: Uint8Array, encoding: string): Map<string, string> | null {
  const parts = decodeRaw(body, encoding).split("&");
  if (parts.length > MAX_FORM_FIELDS) return null;
  const decoder = new TextDecoder(encoding, { ignoreBOM: true });
  const decode = (text: string) => percentDecode(text.replaceAll("+", " "), decoder);
  const fields = new Map<string, string>();
  for (const part of parts) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    if (equals < 0) fields.set(decode(part), "");
    else fields.set(decode(part.slice(0, equals)), decode(part.slice(equals + 1)));
  }
  return fields;
}

/** One character per byte. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The inverse of `latin1`. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Decodes each run of `%XX`. An invalid `%` stays. */
export function percentDecode(text: string, decoder: TextDecoder): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => {
    const digits = escapes.split("%").slice(1);
    return decoder.decode(Uint8Array.from(digits, (pair) => Number.parseInt(pair, 16)));
  });
}

function decodeRaw(body: Uint8Array, encoding: string): string {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return latin1(body);
  }
}
