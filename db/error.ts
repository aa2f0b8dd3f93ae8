/** A problem that the operator must solve. The message says what is wrong and what to do; it is shown as it is. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
}
