/** A problem that the operator must solve. The message says what is wrong and what to do; the operator sees it unchanged. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
}

/** The code of a system or driver error, such as `ENOENT`; empty if it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
