import { brotliCompressSync, gzipSync } from "node:zlib";

type Encoding = "br" | "gzip";

/** The better of the two encodings that Accept-Encoding (RFC 9110 §12.5.3) allows by name; null where it names neither. */
export function preferEncoding(header: string | null): Encoding | null {
  const allowed = (header ?? "")
    .toLowerCase()
    .split(",")
    .map((entry) => entry.replaceAll(/\s/g, ""))
    .filter((entry) => !/;q=0(\.0*)?$/.test(entry))
    .map((entry) => entry.split(";", 1)[0]);
  if (allowed.includes("br")) return "br";
  return allowed.includes("gzip") ? "gzip" : null;
}

export function compress(text: string, encoding: Encoding): Uint8Array<ArrayBuffer> {
  // The copy is of a kind that a Response takes for certain: neither result is shared memory.
  return new Uint8Array(encoding === "br" ? brotliCompressSync(text) : gzipSync(text));
}
