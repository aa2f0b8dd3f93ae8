/** What `DATA_UPLOAD_MAX_NUMBER_FIELDS` is in Django. */
export const MAX_FORM_FIELDS = 1000;

const PLUS = 0x2b;
const PERCENT = 0x25;
const SPACE = 0x20;

/**
 * Reads `application/x-www-form-urlencoded` as Django's QueryDict does: separators are `&` only, `+` is a space, a name
 * without `=` is a blank field, the last of repeated names wins, a `%` that begins no escape stays, and bytes that do not
 * decode become U+FFFD. Null where there are more than MAX_FORM_FIELDS fields. Never throws.
 */
export function parseForm(body: Uint8Array, encoding: string): Map<string, string> | null {
  const decoder = new TextDecoder(encoding, { ignoreBOM: true });
  const fields = new Map<string, string>();
  // ISO-8859-1 in disguise: one character a byte, so that splitting cannot damage a multi-byte encoding.
  const parts = latin1(body).split("&");
  if (parts.length > MAX_FORM_FIELDS) return null;
  for (const part of parts) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const name = equals < 0 ? part : part.slice(0, equals);
    const value = equals < 0 ? "" : part.slice(equals + 1);
    fields.set(decoder.decode(percentDecode(name)), decoder.decode(percentDecode(value)));
  }
  return fields;
}

/** One character a byte, whatever the bytes. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The bytes behind one character a byte: the inverse of `latin1`. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function percentDecode(text: string): Uint8Array {
  const decoded = new Uint8Array(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const digits = text.slice(i + 1, i + 3);
    if (code === PERCENT && /^[0-9a-f]{2}$/i.test(digits)) {
      decoded[length++] = Number.parseInt(digits, 16);
      i += 2;
    } else {
      decoded[length++] = code === PLUS ? SPACE : code;
    }
  }
  return decoded.subarray(0, length);
}
