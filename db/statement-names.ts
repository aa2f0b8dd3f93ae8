import { hash } from "node:crypto";

/** By SQL text. */
const NAMES = new Map<string, string>();

/**
 * Makes each connection to Postgres parse and plan a statement once (PREPARE). The name is derived from the text. The
 * statement must list its columns: if a migration changes the meaning of `*`, a prepared statement fails.
 */
export function prepareByName(text: string): void {
  NAMES.set(text, `postern_${hash("sha256", text).slice(0, 16)}`);
}

/** Undefined if the statement is not prepared. */
export function nameOf(text: string): string | undefined {
  return NAMES.get(text);
}
