import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./bundle.ts";

export const KEYS_URL = "http://127.0.0.1:8000/.well-known/jwks.json";

const ORIGIN = "https://example.com";

/** What stands for the examples' own values. */
export interface Site {
  /** Of the key set. */
  keys: string;
  issuer: string;
  audience: string;
  /** Where the application listens. Django's port is an argument of its server. */
  port?: number;
}

/** The files of `lib/forward/applications.md`, as a reader copies them. Blocks with the same name are one file. */
export function readApplicationFiles({ keys, issuer, audience, port = 3000 }: Site): Map<string, string> {
  const document = readFileSync(join(ROOT, "lib/forward/applications.md"), "utf8");
  const files = new Map<string, string>();
  for (const [, name = "", code = ""] of document.matchAll(/^```\w+\n(?:#|\/\/) ([\w.]+)\n([\s\S]*?)^```$/gm)) {
    const own = code
      .replaceAll(KEYS_URL, keys)
      .replace(/\b3000\b/, String(port))
      .replace(new RegExp(`(issuer.*)"${ORIGIN}"`, "i"), `$1"${issuer}"`)
      .replace(new RegExp(`(audience.*)"${ORIGIN}"`, "i"), `$1"${audience}"`);
    if (own.includes(ORIGIN)) throw new Error(`${name} has ${ORIGIN}`);
    files.set(name, (files.get(name) ?? "") + own);
  }
  return files;
}
