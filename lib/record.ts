import type { Answered, Context } from "./context.ts";
import type { ProblemCode } from "./problem.ts";
import { type Endpoint, routeFor } from "./router.ts";

/** How far a request got, for the headers, the log line and the metrics of its answer. */
export interface Progress {
  endpoint: Endpoint | null;
  /** Why no representation will do, null where one does. */
  unacceptable: "not_found" | "not_acceptable" | null;
  /** Whether its session was looked up. */
  sessionRead: boolean;
  /** What it was refused with. */
  problem: ProblemCode | null;
}

/** Writes one log line and counts once, of nothing that the client sent but what was found well formed. */
export function record(
  { services, request, requestId, client, current, loggedInUserId }: Context,
  { endpoint, problem }: Progress,
  { status, ms }: { status: number; ms: number },
): void {
  const answered: Answered = {
    route: endpoint?.path ?? null,
    method:
      request.method === "OPTIONS" ? "OPTIONS" : ((endpoint && routeFor(endpoint, request.method))?.method ?? "other"),
    status,
    ms: Math.max(0, ms), // The machine's clock may have been put back.
    problem,
  };
  services.metrics.answered(answered);
  // Probes that come every other second would bury everything else.
  if (status === 200 && endpoint?.kind === "operations") return;
  const userId = loggedInUserId ?? current?.user.id ?? null;
  services.log("info", "request", { request_id: requestId, ...answered, user_id: userId, client: client.address });
}
