import { ListenError, type Runtime } from "./runtime.ts";

/** What is used of Deno. */
declare const Deno: {
  serve(
    options: {
      hostname: string;
      port: number;
      signal: AbortSignal;
      onListen: () => void;
      onError: () => Response;
    },
    handler: (request: Request, info: { remoteAddr: { hostname: string } }) => Promise<Response>,
  ): { addr: { port: number }; shutdown: () => Promise<void> };
};

/** Deno closes no idle connection: what an unfinished request may hold is bounded by the body's time limit alone. */
export const deno: Runtime = {
  listen(app, { hostname, port }) {
    try {
      const cutter = new AbortController();
      const server = Deno.serve(
        {
          hostname,
          port,
          signal: cutter.signal,
          // Or Deno would print a line of its own.
          onListen: () => {},
          // The application answers its own errors; were one to escape, Deno would print it.
          onError: () => new Response(null, { status: 500 }),
        },
        (request, { remoteAddr }) => app(request, { address: remoteAddr.hostname }),
      );
      return { port: server.addr.port, stop: () => server.shutdown(), cut: () => cutter.abort() };
    } catch (error) {
      const isTaken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
      const reason = isTaken ? "the port is in use" : error instanceof Error ? error.message : String(error);
      throw new ListenError(`Cannot listen on ${hostname} port ${port}: ${reason}.`, { cause: error });
    }
  },
};
