import type { App } from "../app.ts";
import type { OutputStream } from "../observability/output.ts";

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
  /** Paths that are asked for often, as they are written in a request: a runtime may match them faster than others. */
  paths?: readonly string[];
  /** Whether other processes that say so too may listen on the same port: the system deals connections out to them. */
  sharesPort?: boolean;
  /** The settings that say where to listen, for the message of an error: HOST and PORT if there are none. */
  settings?: { host?: string; port?: string };
}

export interface Listener {
  /** Where it listens, the port that was taken included. */
  port: number;
  /** Stops accepting, lets what is in flight finish. */
  stop(): Promise<void>;
  /** Ends every connection, whatever is in flight. */
  cut(): void;
}

/** The sentence that says why nothing listens, and which setting changes that. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

/** What Deno says of a host name, without a code: the resolver's answer, or that the name cannot be one. */
const UNKNOWN_HOST = /failed to lookup address|invalid host/;

/** What is not about the address. For a name that is unknown, Bun gives the code of whatever failed before, or EINVAL. */
const OTHER_CODES = ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EPERM"];

/** @param error of Bun or Deno */
export function listenError(error: unknown, { hostname, port, settings = {} }: ListenOptions): ListenError {
  const { host: hostSetting = "HOST", port: portSetting = "PORT" } = settings;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const message = error instanceof Error ? error.message : String(error);
  const sentences: Record<string, string> = {
    EADDRINUSE: `Port ${port} is in use. Stop the other server, or set ${portSetting}.`,
    EACCES: `This user may not listen on port ${port}. Set ${portSetting} to 1024 or more, or grant CAP_NET_BIND_SERVICE.`,
  };
  const noAddress = `No network interface of this machine has the address ${hostname}. Set ${hostSetting} to one that it has, or to 0.0.0.0.`;
  const isUnknown = !OTHER_CODES.includes(code) && (code !== "" || UNKNOWN_HOST.test(message));
  const sentence = sentences[code] ?? (isUnknown ? noAddress : undefined);
  return new ListenError(sentence ?? `Cannot listen on ${hostname} port ${port}: ${message}.`, { cause: error });
}
