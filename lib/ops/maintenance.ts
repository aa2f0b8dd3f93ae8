import { clearInterval, setInterval } from "node:timers";
import { isOutage } from "../../db/outage.ts";
import { pruneAuditLog } from "../audit/retention.ts";
import { describeLostKey } from "../config/secret-keys.ts";
import { describeError } from "../observability/log.ts";
import type { Services } from "../services.ts";
import { findLostSeals } from "../users/sealed-secrets.ts";
import { clearExpired } from "./clear-expired.ts";

const CLEAR_EVERY_MS = 60 * 60 * 1000;

/**
 * Deletes what has expired: at once, and then every hour. Logs failures. The timer does not keep the process alive.
 *
 * @returns a function that stops it, and waits for a deletion that has begun
 */
export function startMaintenance(services: Services): () => Promise<void> {
  let running = clear(services);
  const timer = setInterval(() => {
    running = running.then(() => clear(services));
  }, CLEAR_EVERY_MS).unref();
  return () => {
    clearInterval(timer);
    return running;
  };
}

/** Logs an error if none of the secret keys signed the audit trail, or if the key of an authenticator app is lost. */
export async function reportLostKey(services: Services): Promise<void> {
  const { keys, db, log } = services;
  const lostKey = await describeLostKey(keys, db);
  if (lostKey !== null) log("error", "audit_key_lost", { remark: `${lostKey} See the command check.` });
  const lostSeals = await findLostSeals(services);
  if (lostSeals !== null) log("error", "factor_key_lost", { remark: lostSeals });
}

async function clear(services: Services): Promise<void> {
  try {
    const { cleared, ended } = await clearExpired(services);
    if (cleared > 0) services.log("info", "sessions_cleared", { count: cleared });
    if (ended > 0) services.log("info", "sessions_over_limit_ended", { count: ended });
    const cut = await pruneAuditLog(services);
    if (cut > 0) services.log("info", "events_cut", { count: cut });
  } catch (error) {
    if (isOutage(error)) services.metrics.databaseFailed();
    services.log("error", "unexpected_error", describeError(error));
  }
}
