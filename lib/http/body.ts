import { MAX_FORM_FIELDS, parseForm } from "./form.ts";
import { parseJson } from "./json.ts";
import { matches, parseMediaType } from "./media-type.ts";
import { parseMultipart } from "./multipart.ts";
import { Problem } from "./problem.ts";

/** Parsed request data. A form may contain the CSRF token `csrfmiddlewaretoken`. */
export type Data = { kind: "json"; value: unknown } | { kind: "form"; fields: Map<string, unknown> };

export interface BodyLimits {
  maxBytes: number;
  /** For the whole body. */
  timeoutSeconds: number;
}

/**
 * Reads the three media types of Django REST Framework. An empty body is an empty form, with any Content-Type.
 *
 * @throws Problem body_too_large, body_timeout, body_incomplete, unsupported_media_type, parse_error, too_many_fields
 */
export async function readData(request: Request, limits: BodyLimits): Promise<Data> {
  const bytes = await readBody(request, limits);
  if (bytes.length === 0) return { kind: "form", fields: new Map() };
  const contentType = request.headers.get("content-type") ?? "";
  const mediaType = parseMediaType(contentType);
  const encoding = encodingOf(mediaType.parameters.get("charset"));
  if (matches(mediaType, "application", "json")) return { kind: "json", value: decodeJson(bytes, encoding) };
  if (matches(mediaType, "application", "x-www-form-urlencoded")) return decodeForm(bytes, encoding);
  if (matches(mediaType, "multipart", "form-data")) return decodeMultipart(bytes, contentType, encoding);
  throw new Problem("unsupported_media_type", { type: contentType });
}

function decodeJson(bytes: Uint8Array, encoding: string): unknown {
  // Django denies a byte order mark of UTF-8 and skips one of UTF-16.
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: encoding === "utf-8" });
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw new Problem("parse_error", { parser: "JSON", reason: `the bytes are not ${encoding}.` });
  }
  const result = parseJson(text);
  if (!result.ok) throw new Problem("parse_error", { parser: "JSON", reason: result.reason });
  return result.value;
}

function decodeForm(bytes: Uint8Array, encoding: string): Data {
  const fields = parseForm(bytes, encoding);
  if (fields === null) throw new Problem("too_many_fields", { limit: MAX_FORM_FIELDS });
  return { kind: "form", fields };
}

function decodeMultipart(bytes: Uint8Array, contentType: string, encoding: string): Data {
  const result = parseMultipart(bytes, contentType, encoding);
  if (result.ok) return { kind: "form", fields: result.fields };
  if (result.reason === null) throw new Problem("too_many_fields", { limit: MAX_FORM_FIELDS });
  throw new Problem("parse_error", { parser: "Multipart form", reason: result.reason });
}

/** The WHATWG name of the charset; utf-8 if it is unknown, as in Django. */
function encodingOf(charset: string | undefined): string {
  try {
    return new TextDecoder(charset ?? "utf-8").encoding;
  } catch {
    return "utf-8";
  }
}

/** Counts the bytes while the body streams, so that an oversized one is never held in memory. */
async function readBody(request: Request, { maxBytes, timeoutSeconds }: BodyLimits): Promise<Uint8Array> {
  const tooLarge = () => new Problem("body_too_large", { limit: maxBytes });
  if (Number(request.headers.get("content-length")) > maxBytes) throw tooLarge();
  if (request.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = request.body.getReader();
  const deadline = startDeadline(timeoutSeconds);
  try {
    for (;;) {
      const chunk = await Promise.race([read(reader), deadline.passed]);
      if (chunk.done) return concatenate(chunks, length);
      length += chunk.value.length;
      if (length > maxBytes) throw tooLarge();
      chunks.push(chunk.value);
    }
  } catch (error) {
    // The error is answered without a wait: the runtime discards the rest of the body.
    reader.cancel().catch(() => {});
    throw error;
  } finally {
    deadline.clear();
  }
}

/** If the connection ends before the body, the client is the cause, so it is no error of the server. */
async function read(reader: ReadableStreamDefaultReader<Uint8Array>) {
  try {
    return await reader.read();
  } catch {
    throw new Problem("body_incomplete");
  }
}

function startDeadline(seconds: number): { passed: Promise<never>; clear: () => void } {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Problem("body_timeout", { seconds })), seconds * 1000);
  promise.catch(() => {}); // Otherwise a rejection after the race is unhandled.
  return { passed: promise, clear: () => clearTimeout(timer) };
}

function concatenate(chunks: Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
