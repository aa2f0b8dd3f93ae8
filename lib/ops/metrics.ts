import { countLiveSessions } from "../../db/ended-sessions.ts";
import { type MailTally, tallyMails } from "../../db/mails.ts";
import type { Routed } from "../context.ts";
import { describeError } from "../observability/log.ts";
import { type MailSample, METRICS_TYPE } from "../observability/metrics.ts";
import { type Reply, reply } from "../pipeline/reply.ts";
import type { Services } from "../services.ts";
import { lifetime } from "../session/lifetime.ts";

/** `GET /metrics`: the metrics of this process in the Prometheus text format, also if the database is unavailable. */
export async function metrics({ services }: Routed): Promise<Reply> {
  const sampled = {
    sessionsLive: await sample(services, ({ db }) => countLiveSessions(db, lifetime(services))),
    mails: await sample(services, sampleMails),
    logLinesDropped: services.droppedLines(),
  };
  return reply(new Response(await services.metrics.render(sampled), { headers: { "Content-Type": METRICS_TYPE } }));
}

async function sampleMails({ db, mail, now }: Services): Promise<MailSample> {
  if (mail === null) return { waiting: 0, givenUp: 0, oldestSeconds: 0 };
  const { oldestAt, ...counts }: MailTally = await tallyMails(db);
  return { ...counts, oldestSeconds: oldestAt === null ? 0 : (now() - oldestAt) / 1000 };
}

/** @returns null if the database is unavailable */
async function sample<T>(services: Services, read: (services: Services) => Promise<T>): Promise<T | null> {
  try {
    return await read(services);
  } catch (error) {
    services.metrics.databaseFailed();
    services.log("error", "database_unavailable", describeError(error));
    return null;
  }
}
