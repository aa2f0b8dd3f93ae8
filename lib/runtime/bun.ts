import { basename } from "node:path";
import { ListenError, type Runtime } from "./runtime.ts";

/** Bodies are counted by whoever reads them; Bun discards what nobody reads, and must not answer in our place. */
const NO_BODY_LIMIT = Number.MAX_SAFE_INTEGER;

/** In the one-file program, the runtime and the program are one file. */
const isCompiled = !basename(process.execPath).startsWith("bun");

export const bun: Runtime = {
  // Elsewhere than on Linux, SO_REUSEPORT is either unknown or deals nothing out.
  command: process.platform !== "linux" ? null : isCompiled ? [process.execPath] : [process.execPath, Bun.main],
  standardOutput: process.stdout,
  listen(app, { hostname, port, idleTimeoutSeconds, sharesPort = false }) {
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
        fetch: (request, server) =>
          app(request, { address: server.requestIP(request)?.address ?? "", gone: request.signal }),
      });
      return { port: server.port ?? port, stop: () => server.stop(), cut: () => void server.stop(true) };
    } catch (error) {
      const isTaken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
      const reason = isTaken ? "the port is in use" : error instanceof Error ? error.message : String(error);
      throw new ListenError(`Cannot listen on ${hostname} port ${port}: ${reason}.`, { cause: error });
    }
  },
};
