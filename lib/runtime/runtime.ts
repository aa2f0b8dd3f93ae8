import type { App } from "../app.ts";
import type { OutputStream } from "../output.ts";

/** What Postern needs of a JavaScript runtime beyond the Web APIs and `node:` modules. */
export interface Runtime {
  /** Starts listening. @throws ListenError where it cannot */
  listen(app: App, options: ListenOptions): Listener;
  /** What starts this very program once more, arguments to follow; null where processes cannot share a port. */
  command: readonly string[] | null;
  /** Where log lines go. A reader that stalls holds up no answer. */
  standardOutput: OutputStream;
}

export interface ListenOptions {
  hostname: string;
  /** 0 takes a free one. */
  port: number;
  /** A connection on which nothing moves for so long is closed. */
  idleTimeoutSeconds: number;
  /** Whether other processes that say so too may listen on the same port: the system deals connections out to them. */
  sharesPort?: boolean;
}

export interface Listener {
  /** Where it listens, the port that was taken included. */
  port: number;
  /** Stops accepting, lets what is in flight finish. */
  stop(): Promise<void>;
  /** Ends every connection, whatever is in flight. */
  cut(): void;
}

/** The sentence that says why nothing listens. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}
