import { countLiveSessions } from "../../db/sessions.ts";
import type { Routed } from "../context.ts";
import { describeError } from "../observability/log.ts";
import { METRICS_TYPE } from "../observability/metrics.ts";
import { type Reply, reply } from "../pipeline/reply.ts";
import type { Services } from "../services.ts";
import { lifetime } from "../session/lifetime.ts";

/** `GET /metrics`: the metrics of this process in the Prometheus text format, also if the database is unavailable. */
export async function metrics({ services }: Routed): Promise<Reply> {
  const sampled = { sessionsLive: await countSessions(services), logLinesDropped: services.droppedLines() };
  return reply(new Response(await services.metrics.render(sampled), { headers: { "Content-Type": METRICS_TYPE } }));
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
