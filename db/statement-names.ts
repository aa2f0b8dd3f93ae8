import { hash } from "node:crypto";

/** The names of prepared statements, by their SQL. */
const NAMES = new Map<string, string>();

/**
 * Has each connection to Postgres parse and plan a statement once (PREPARE), under a name that every process has for the
 * same text. Only for what lists its columns: where a migration changes what `*` means, a prepared statement fails.
 */
export function prepareByName(text: string): void {
  NAMES.set(text, `postern_${hash("sha256", text).slice(0, 16)}`);
}

/** The name of a prepared statement; undefined if the text is none. */
export function nameOf(text: string): string | undefined {
  return NAMES.get(text);
}
