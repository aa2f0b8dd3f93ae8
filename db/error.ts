/** Something about the database that its operator must mend; `message` is the sentence that says what. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
}
