import { basename } from "node:path";
import type { BunRequest, Server } from "bun";
import { UNIX } from "../http/client-address.ts";
import type { MaybePromise } from "../pipeline/maybe-promise.ts";
import { lowerPoolPriority } from "./bun-pool.ts";
import { listenError, type Runtime } from "./runtime.ts";
import { unixPath } from "./unix-socket.ts";

/** `readData` limits the body. With a limit, Bun would send a 413 of its own. */
const NO_BODY_LIMIT = Number.MAX_SAFE_INTEGER;

/** In the compiled binary, the executable is not Bun. */
const isCompiled = !basename(process.execPath).startsWith("bun");

/** More segments than a path needs, that of an application included: Envoy asks with it. */
const SEGMENT_NAMES = Array.from({ length: 32 }, (_, index) => `s${index}`);

type Handler = (request: BunRequest, server: Server<undefined>) => MaybePromise<Response>;
type Answer = (request: Request, server: Server<undefined>, path: string | null) => MaybePromise<Response>;

/**
 * Bun's router matches the path in the request line. `request.url` is normalised: `/login/..\healthz` becomes
 * `/healthz`, past a proxy's rule for `/login/`. With one pattern per number of segments, the router reports the
 * original path.
 *
 * @param paths fixed paths, because a pattern with parameters costs 1 µs more
 */
function routesOf(paths: readonly string[], answer: Answer): Record<string, Handler> {
  const routes: Record<string, Handler> = {};
  for (const path of ["/", ...paths]) routes[path] = (request, server) => answer(request, server, path);
  for (const index of SEGMENT_NAMES.keys()) {
    const pattern = `/:${SEGMENT_NAMES.slice(0, index + 1).join("/:")}`;
    const pathOf = ({ params }: BunRequest) => `/${Object.values(params).join("/")}`;
    routes[pattern] = (request, server) => answer(request, server, pathOf(request));
    routes[`${pattern}/`] = (request, server) => answer(request, server, `${pathOf(request)}/`);
  }
  return routes;
}

export const bun: Runtime = {
  // On other systems, SO_REUSEPORT is missing or does not distribute connections.
  command: process.platform !== "linux" ? null : isCompiled ? [process.execPath] : [process.execPath, Bun.main],
  standardOutput: process.stdout,
  lowerHashPriority: process.platform === "linux" ? lowerPoolPriority : null,
  peerOf: (request, address) => ({ address, gone: () => request.signal }),
  listen(app, options) {
    const { hostname, port, idleTimeoutSeconds, paths = [], sharesPort = false } = options;
    const socketPath = unixPath(hostname);
    const addressOf: (request: Request, server: Server<undefined>) => string =
      socketPath === null ? (request, server) => server.requestIP(request)?.address ?? "" : () => UNIX;
    const answer: Answer = (request, server, path) =>
      app(request, { ...bun.peerOf(request, addressOf(request, server)), path });
    // Bun does not close an idle connection over a Unix socket. Its other end is the operator's own proxy.
    const place =
      socketPath === null
        ? { hostname, port, reusePort: sharesPort, idleTimeout: idleTimeoutSeconds }
        : { unix: socketPath };
    try {
      const server = Bun.serve({
        ...place,
        maxRequestBodySize: NO_BODY_LIMIT,
        development: false,
        // Bun would show the client an error that the application did not catch.
        error: () => new Response(null, { status: 500 }),
        routes: routesOf(paths, answer),
        // No pattern matches: a segment is empty, or there are too many segments.
        fetch: (request, server) => answer(request, server, null),
      });
      return { port: server.port ?? 0, stop: () => server.stop(), cut: () => void server.stop(true) };
    } catch (error) {
      throw listenError(error, options);
    }
  },
};
