import type { App } from "../app.ts";
import type { Peer } from "../context.ts";
import type { OutputStream } from "../observability/output.ts";

/** The functions of a JavaScript runtime beyond the Web APIs and `node:` modules. */
export interface Runtime {
  /** @throws ListenError */
  listen(app: App, options: ListenOptions): Listener;
  /** The peer of a request that a server in this process received. */
  peerOf(request: Request, address: string): Peer;
  /** Starts this program again; arguments follow. Null if processes cannot share a port. */
  command: readonly string[] | null;
  /** Does not block if the reader stalls. */
  standardOutput: OutputStream;
  /** Lowers the priority of the threads that compute password hashes. Null if there are no lasting threads for them. */
  lowerHashPriority: (() => void) | null;
}

export interface ListenOptions {
  /** An address, a name, or `unix:` and a path. */
  hostname: string;
  /** 0 takes a free port. Not used for a Unix socket. */
  port: number;
  /** A connection without traffic for this long is closed. */
  idleTimeoutSeconds: number;
  /** Fixed paths, which the runtime may match faster than others. */
  paths?: readonly string[];
  /** Whether other processes may listen on the same port with this option. The system distributes the connections. */
  sharesPort?: boolean;
  /** The names of the settings, for error messages; by default HOST and PORT. */
  settings?: { host?: string; port?: string };
}

export interface Listener {
  /** The actual port, also if `options.port` is 0; 0 for a Unix socket. */
  port: number;
  /** Stops accepting connections and waits for the requests in flight. */
  stop(): Promise<void>;
  /** Closes every connection at once. */
  cut(): void;
}

/** The message says why the server cannot listen, and which setting to change. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

/** Deno's messages about a host name; they have no code. */
const UNKNOWN_HOST = /failed to lookup address|invalid host/;

/** Codes that are not about the address. For an unknown host name, Bun reports the code of an earlier error, or EINVAL. */
const OTHER_CODES = ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EPERM"];

export function listenError(error: unknown, { hostname, port, settings = {} }: ListenOptions): ListenError {
  const { host: hostSetting = "HOST", port: portSetting = "PORT" } = settings;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const message = error instanceof Error ? error.message : String(error);
  if (hostname.startsWith("unix:"))
    return new ListenError(unixSentence(hostname.slice(5), code, message), { cause: error });
  const sentences: Record<string, string> = {
    EADDRINUSE: `Port ${port} is in use. Stop the other server, or set ${portSetting}.`,
    EACCES: `This user may not listen on port ${port}. Set ${portSetting} to 1024 or more, or grant CAP_NET_BIND_SERVICE.`,
  };
  const noAddress = `No network interface of this machine has the address ${hostname}. Set ${hostSetting} to one that it has, or to 0.0.0.0.`;
  const isUnknown = !OTHER_CODES.includes(code) && (code !== "" || UNKNOWN_HOST.test(message));
  const sentence = sentences[code] ?? (isUnknown ? noAddress : undefined);
  return new ListenError(sentence ?? `Cannot listen on ${hostname} port ${port}: ${message}.`, { cause: error });
}

function unixSentence(path: string, code: string, message: string): string {
  const sentences: Record<string, string> = {
    EADDRINUSE: `${path} exists already. Stop the other server, or set HOST.`,
    EACCES: `This user may not create ${path}. Give the user its folder, or set HOST.`,
    ENOENT: `The folder of ${path} does not exist. Create it, or set HOST.`,
  };
  return sentences[code] ?? `Cannot listen on ${path}: ${message}.`;
}
