import type { OutputStream } from "../observability/output.ts";
import type { MaybePromise } from "../pipeline/maybe-promise.ts";
import { listenError, type Runtime } from "./runtime.ts";

/** What is used of Deno. */
declare const Deno: {
  serve(
    options: {
      hostname: string;
      port: number;
      reusePort: boolean;
      signal: AbortSignal;
      onListen: () => void;
      onError: () => Response;
    },
    handler: (request: Request, info: { remoteAddr: { hostname: string } }) => MaybePromise<Response>,
  ): { addr: { port: number }; shutdown: () => Promise<void> };
  permissions: { querySync: (permission: { name: "run" }) => { state: "granted" | "prompt" | "denied" } };
  /** `write` resolves with how many of the bytes it took. */
  stdout: { write: (bytes: Uint8Array) => Promise<number>; isTerminal: () => boolean };
};

/** Of `process.stdout`, Deno stops the whole process until the reader of a full pipe has taken what is written. */
const standardOutput: OutputStream = {
  write: (text, done) => {
    writeAll(new TextEncoder().encode(text)).then(
      () => done(),
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    );
  },
  isTTY: Deno.stdout.isTerminal(),
  on: () => {}, // Whoever writes is told of the error.
};

async function writeAll(bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length; ) written += await Deno.stdout.write(bytes.subarray(written));
}

/**
 * Deno writes `http://`, the Host and the target one after the other, as they were sent. If the Host holds a mark that ends
 * the host of a URL, the path begins there: `Host: x/healthz?` with the target `/login/`.
 */
function hasPlainUrl({ headers }: Request): boolean {
  return !/[/?#\\]/.test(headers.get("host") ?? "");
}

/**
 * Deno closes no idle connection: what an unfinished request may hold is bounded by the body's time limit alone. Its
 * `request.signal` is no telling whether the client has gone: it is aborted by every answer, and who reads it has a
 * warning printed (https://github.com/denoland/deno/pull/34397).
 */
export const deno: Runtime = {
  get command() {
    // Workers are started with every permission: only by a program that may start whatever it likes, which has them all.
    const mayStart = Deno.permissions.querySync({ name: "run" }).state === "granted";
    if (process.platform !== "linux" || !mayStart) return null;
    return [process.execPath, "run", "-A", "--unstable-net", process.argv[1] ?? ""];
  },
  standardOutput,
  listen(app, options) {
    const { hostname, port, sharesPort = false } = options;
    const underWay = new Set<Promise<Response>>();
    const handle = (request: Request, address: string) => {
      const answer = app(request, hasPlainUrl(request) ? { address } : { address, path: null });
      if (!(answer instanceof Promise)) return answer;
      underWay.add(answer);
      return answer.finally(() => underWay.delete(answer));
    };
    // Without these two, Deno would print a line of its own: where it listens, and an error, were one to escape the app.
    const cutter = new AbortController();
    const served = {
      hostname,
      port,
      reusePort: sharesPort,
      signal: cutter.signal,
      onListen: () => {},
      onError: () => new Response(null, { status: 500 }),
    };
    try {
      const server = Deno.serve(served, (request, { remoteAddr }) => handle(request, remoteAddr.hostname));
      return {
        port: server.addr.port,
        stop: async () => {
          // `shutdown` breaks off the bodies that are still arriving: https://github.com/denoland/deno/issues/36809
          await Promise.allSettled(underWay);
          await server.shutdown();
        },
        cut: () => cutter.abort(),
      };
    } catch (error) {
      throw listenError(error, options);
    }
  },
};
