import type { App } from "../app.ts";

/** What Postern needs of a JavaScript runtime beyond the Web APIs and `node:` modules. */
export interface Runtime {
  /** Starts listening. @throws ListenError where it cannot */
  listen(app: App, options: ListenOptions): Listener;
}

export interface ListenOptions {
  hostname: string;
  /** 0 takes a free one. */
  port: number;
  /** A connection on which nothing moves for so long is closed. */
  idleTimeoutSeconds: number;
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
