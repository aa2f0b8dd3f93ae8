import { basename } from "node:path";
import type { BunRequest, Server } from "bun";
import type { MaybePromise } from "../pipeline/maybe-promise.ts";
import { listenError, type Runtime } from "./runtime.ts";

/** Bodies are counted by whoever reads them; Bun discards what nobody reads, and must not answer in our place. */
const NO_BODY_LIMIT = Number.MAX_SAFE_INTEGER;

/** In the one-file program, the runtime and the program are one file. */
const isCompiled = !basename(process.execPath).startsWith("bun");

/** More segments than a path of ours has. */
const SEGMENT_NAMES = ["a", "b", "c", "d", "e", "f", "g", "h"];

type Handler = (request: BunRequest, server: Server<undefined>) => MaybePromise<Response>;
type Answer = (request: Request, server: Server<undefined>, path: string | null) => MaybePromise<Response>;

/**
 * Bun's router reads the path as the client sent it. `request.url` has been through the URL parser, which resolves dot
 * segments and reads a backslash as a slash: `/login/..\healthz` becomes `/healthz`, past a proxy's rule for `/login/`.
 * One pattern for each number of segments has the router tell what it read.
 *
 * @param paths matched as they are: parameters cost a microsecond
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
  // Elsewhere than on Linux, SO_REUSEPORT is either unknown or deals nothing out.
  command: process.platform !== "linux" ? null : isCompiled ? [process.execPath] : [process.execPath, Bun.main],
  standardOutput: process.stdout,
  listen(app, options) {
    const { hostname, port, idleTimeoutSeconds, paths = [], sharesPort = false } = options;
    const answer: Answer = (request, server, path) =>
      app(request, { address: server.requestIP(request)?.address ?? "", gone: () => request.signal, path });
    try {
      const server = Bun.serve({
        hostname,
        port,
        reusePort: sharesPort,
        idleTimeout: idleTimeoutSeconds,
        maxRequestBodySize: NO_BODY_LIMIT,
        development: false,
        // The application answers its own errors; were one to escape, Bun would show it to the client.
        error: () => new Response(null, { status: 500 }),
        routes: routesOf(paths, answer),
        // No pattern fits: a segment is empty, or there are too many.
        fetch: (request, server) => answer(request, server, null),
      });
      return { port: server.port ?? port, stop: () => server.stop(), cut: () => void server.stop(true) };
    } catch (error) {
      throw listenError(error, options);
    }
  },
};
