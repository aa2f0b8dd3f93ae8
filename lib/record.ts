import type { Answered, Context } from "./context.ts";
import { routeFor } from "./router.ts";

/** Writes one log line and counts once, of nothing that the client sent but what was found well formed. */
export function record(
  { services, request, requestId, client, endpoint, current, loggedInUserId }: Context,
  { status, ms, problem }: Pick<Answered, "status" | "ms" | "problem">,
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
