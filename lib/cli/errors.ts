/** The command failed. The message is one sentence. Exit code 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** The arguments are wrong. The message is one sentence. Exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
