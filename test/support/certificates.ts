import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./bundle.ts";

// Certificates until 2124, with keys that protect nothing: they are public.

const fileOf = (name: string) => join(ROOT, "test/fixtures/certificates", `${name}.pem`);
const read = (name: string) => readFileSync(fileOf(name), "utf8");

/** The authority of the test's certificates. */
export const AUTHORITY = read("authority");
export const AUTHORITY_FILE = fileOf("authority");

/** A key with its certificate: of localhost and 127.0.0.1, of other.test, and of localhost until 2021. */
export const CERTIFICATES = { localhost: read("localhost"), other: read("other"), expired: read("expired") };
