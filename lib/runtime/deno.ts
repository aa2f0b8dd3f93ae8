import { UNIX } from "../http/client-address.ts";
import type { OutputStream } from "../observability/output.ts";
import type { MaybePromise } from "../pipeline/maybe-promise.ts";
import { listenError, type Runtime } from "./runtime.ts";
import { unixPath } from "./unix-socket.ts";

/** The part of Deno's API that is used. */
declare const Deno: {
  serve(
    options: ({ hostname: string; port: number; reusePort: boolean } | { transport: "unix"; path: string }) & {
      signal: AbortSignal;
      onListen: () => void;
      onError: () => Response;
    },
    handler: (request: Request, info: { remoteAddr: { hostname?: string } }) => MaybePromise<Response>,
  ): { addr: { port?: number }; shutdown: () => Promise<void> };
  permissions: { querySync: (permission: { name: "run" }) => { state: "granted" | "prompt" | "denied" } };
  /** `write` resolves with the number of bytes written. */
  stdout: { write: (bytes: Uint8Array) => Promise<number>; isTerminal: () => boolean };
};

/** If the pipe is full, Deno's `process.stdout` would block the process until the reader continues. */
const standardOutput: OutputStream = {
  write: (text, done) => {
    writeAll(new TextEncoder().encode(text)).then(
      () => done(),
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    );
  },
  isTTY: Deno.stdout.isTerminal(),
  on: () => {}, // `done` receives the error.
};

async function writeAll(bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length; ) written += await Deno.stdout.write(bytes.subarray(written));
}

/**
 * Deno concatenates `http://`, the Host and the target. If the Host contains a character that ends the host of a URL, the
 * path begins there: `Host: x/healthz?` with the target `/login/`.
 */
function hasPlainUrl({ headers }: Request): boolean {
  return !/[/?#\\]/.test(headers.get("host") ?? "");
}

/**
 * Deno closes no idle connection: only the body timeout ends an unfinished request. Its `request.signal` does not show
 * that the client disconnected: every answer aborts it, and to read it prints a warning
 * (https://github.com/denoland/deno/pull/34397).
 */
export const deno: Runtime = {
  get command() {
    // Workers get every permission. A process with the permission `run` could take them anyway.
    const mayStart = Deno.permissions.querySync({ name: "run" }).state === "granted";
    if (process.platform !== "linux" || !mayStart) return null;
    return [process.execPath, "run", "-A", "--unstable-net", process.argv[1] ?? ""];
  },
  standardOutput,
  lowerHashPriority: null, // A thread of Deno's ends after a while, and a new one has the priority of requests.
  peerOf: (request, address) => (hasPlainUrl(request) ? { address } : { address, path: null }),
  listen(app, options) {
    const { hostname, port, sharesPort = false } = options;
    const inFlight = new Set<Promise<Response>>();
    const handle = (request: Request, address: string) => {
      const answer = app(request, deno.peerOf(request, address));
      if (!(answer instanceof Promise)) return answer;
      inFlight.add(answer);
      return answer.finally(() => inFlight.delete(answer));
    };
    // Without these two callbacks, Deno would print its address, and errors that the application did not catch.
    const cutter = new AbortController();
    const socketPath = unixPath(hostname);
    const place =
      socketPath === null
        ? { hostname, port, reusePort: sharesPort }
        : ({ transport: "unix", path: socketPath } as const);
    const served = {
      ...place,
      signal: cutter.signal,
      onListen: () => {},
      onError: () => new Response(null, { status: 500 }),
    };
    try {
      const server = Deno.serve(served, (request, { remoteAddr }) => handle(request, remoteAddr.hostname ?? UNIX));
      return {
        port: server.addr.port ?? 0,
        stop: async () => {
          // `shutdown` aborts bodies that are still arriving: https://github.com/denoland/deno/issues/36809
          await Promise.allSettled(inFlight);
          await server.shutdown();
        },
        cut: () => cutter.abort(),
      };
    } catch (error) {
      throw listenError(error, options);
    }
  },
};
