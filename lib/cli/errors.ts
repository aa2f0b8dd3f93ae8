/** A command could not be carried out; one sentence says why. Exit code 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** The arguments of a command are wrong; one sentence says why. Exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
