/** The message says what is wrong and what to do: one sentence a line. */
export class PosternError extends Error {
  override readonly name = "PosternError";
}
