import { countLiveSessions } from "../../db/sessions.ts";
import type { Context, Services } from "../context.ts";
import { describeError } from "../observability/log.ts";
import { METRICS_TYPE } from "../observability/metrics.ts";
import { lifetime } from "../session/session.ts";

/** `GET /metrics`: what this process has counted, in the Prometheus text format. Answered without a database too. */
export async function metrics({ services }: Context): Promise<Response> {
  const sampled = { sessionsLive: await countSessions(services), logLinesDropped: services.droppedLines() };
  return new Response(await services.metrics.render(sampled), { headers: { "Content-Type": METRICS_TYPE } });
}

async function countSessions(services: Services): Promise<number | null> {
  try {
    return await countLiveSessions(services.db, lifetime(services));
  } catch (error) {
    services.metrics.databaseFailed();
    services.log("error", "database_unavailable", describeError(error));
    return null;
  }
}
