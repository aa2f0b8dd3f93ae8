import { deleteInBatches } from "../../db/batches.ts";
import { deleteFailedMails } from "../../db/mails.ts";
import { deleteExpiredTokens } from "../../db/one-time-tokens.ts";
import { deleteExpiredPendingLogins } from "../../db/pending-logins.ts";
import { KEEP_FAILED_MS } from "../mail/deliver.ts";
import type { Services } from "../services.ts";
import { lifetime } from "../session/lifetime.ts";
import { clearSessions } from "../session/session.ts";
import { endExcessSessions } from "../session/session-limit.ts";
import { clearThrottles } from "../throttle/forget.ts";

/** Deletes the rows of expired sessions, devices, throttles, one-time tokens and pending logins, and ends sessions beyond the limit. */
export async function clearExpired(services: Services): Promise<{ cleared: number; ended: number }> {
  const { db, now } = services;
  const cleared = await clearSessions(services);
  const ended = await endExcessSessions(services, lifetime(services));
  await clearThrottles(services);
  await deleteInBatches((limit) => deleteExpiredTokens(db, now(), limit));
  await deleteInBatches((limit) => deleteExpiredPendingLogins(db, now(), limit));
  await deleteInBatches((limit) => deleteFailedMails(db, now() - KEEP_FAILED_MS, limit));
  return { cleared, ended };
}
