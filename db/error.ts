/** A problem that the operator must solve. The message says what is wrong and what to do; the operator sees it unchanged. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
}
