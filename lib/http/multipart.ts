import { bytesOf, latin1, MAX_FORM_FIELDS } from "./form.ts";
import { parseParameters, trimAscii } from "./media-type.ts";

/** The value of a field that was sent as a file. No endpoint accepts files, so the content is dropped. */
export const FILE = Symbol("file");

export type MultipartResult =
  | { ok: true; fields: Map<string, string | typeof FILE> }
  /** The reason is null if there are more than MAX_FORM_FIELDS fields. */
  | { ok: false; reason: string | null };

/** Django reads the headers of a part from its first 1024 bytes. If they end later, the part is ignored. */
const MAX_PART_HEADER = 1024;

/**
 * Parses `multipart/form-data` (RFC 7578) like Django's MultiPartParser. The delimiter may be anywhere in a line. Without
 * a closing delimiter, the last value keeps its line end. Parts without a name are ignored, and
 * `Content-Transfer-Encoding: base64` is decoded. Never throws.
 *
 * @param contentType the whole header, for its boundary
 */
export function parseMultipart(body: Uint8Array, contentType: string, encoding: string): MultipartResult {
  if (!contentType.startsWith("multipart/")) return { ok: false, reason: `Invalid Content-Type: ${contentType}` };
  if (/\P{ASCII}/u.test(contentType)) return { ok: false, reason: "Invalid non-ASCII Content-Type in multipart." };
  const boundary = parseParameters(contentType).parameters.get("boundary");
  // RFC 2046 §5.1.1 allows 70 characters. Django allows 201, because it uses Python's cgi.valid_boundary.
  if (boundary === undefined || !/^[ -~]{0,200}[!-~]$/.test(boundary)) {
    return { ok: false, reason: `Invalid boundary in multipart: ${boundary ?? "None"}` };
  }
  const parts = splitParts(latin1(body), `--${boundary}`)
    .map(parsePart)
    .filter((part) => part !== null);
  const texts = parts.filter((part): part is { name: string; value: string } => part.value !== FILE);
  const files = parts.filter((part) => part.value === FILE);
  if (texts.length > MAX_FORM_FIELDS) return { ok: false, reason: null };
  const decoder = new TextDecoder(encoding, { ignoreBOM: true });
  const decode = (text: string) => decoder.decode(bytesOf(text));
  const fields = new Map<string, string | typeof FILE>();
  for (const { name, value } of texts) fields.set(decode(name), decode(value));
  for (const { name } of files) fields.set(decode(name), FILE); // A file replaces a text of the same name.
  return { ok: true, fields };
}

/** The texts between the delimiters. The line end before a delimiter belongs to the delimiter. */
function splitParts(text: string, delimiter: string): string[] {
  const parts = text.split(delimiter);
  return parts.map((part, index) => (index < parts.length - 1 ? part.replace(/\r?\n$/, "") : part));
}

/** @param part one character per byte @returns null without headers or without a name */
function parsePart(part: string): { name: string; value: string | typeof FILE } | null {
  const headersEnd = part.slice(0, MAX_PART_HEADER).indexOf("\r\n\r\n");
  if (headersEnd < 0) return null;
  const headers = new Map<string, { value: string; parameters: Map<string, string> }>();
  for (const line of part.slice(0, headersEnd).split("\r\n")) {
    const { value, parameters } = parseParameters(line);
    const colon = value.indexOf(":");
    if (colon >= 0) headers.set(value.slice(0, colon), { value: trimAscii(value.slice(colon + 1)), parameters });
  }
  const disposition = headers.get("content-disposition")?.parameters;
  const quotedName = disposition?.get("name");
  if (quotedName === undefined) return null;
  const name = trimAscii(quotedName);
  if (disposition?.get("filename")) return { name, value: FILE };
  const value = part.slice(headersEnd + 4);
  const isBase64 = headers.get("content-transfer-encoding")?.value === "base64";
  return { name, value: isBase64 ? decodeBase64(value) : value };
}

/**
 * Like Python's b64decode: skips characters outside of the alphabet, and ends at padding that completes a group. Returns
 * the text unchanged if it does not decode.
 */
function decodeBase64(text: string): string {
  let digits = "";
  let padding = 0;
  for (const character of text.replace(/[^A-Za-z0-9+/=]/g, "")) {
    if (character !== "=") {
      digits += character;
      padding = 0;
    } else if (digits.length % 4 >= 2 && (digits.length % 4) + ++padding >= 4) return atob(digits);
  }
  return digits.length % 4 === 0 ? atob(digits) : text;
}
