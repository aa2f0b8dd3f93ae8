import { brotliCompressSync, gzipSync } from "node:zlib";

type Encoding = "br" | "gzip";

/** The smaller encoding that Accept-Encoding names (RFC 9110 §12.5.3); null if it names neither. `*` does not count. */
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
  // The copy has the type that Response takes: its buffer is certainly not shared memory.
  return new Uint8Array(encoding === "br" ? brotliCompressSync(text) : gzipSync(text));
}
