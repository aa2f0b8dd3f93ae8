import { clearTimeout, setTimeout } from "node:timers";
import { setTimeout as delay } from "node:timers/promises";
import { findNextDue } from "../../db/mails.ts";
import { isOutage } from "../../db/outage.ts";
import { describeError } from "../observability/log.ts";
import type { Services } from "../services.ts";
import { type Backoff, createBackoff } from "./backoff.ts";
import { deliverNext } from "./deliver.ts";
import type { MailService } from "./mail-service.ts";
import { CONNECTIONS, type Transport } from "./transport.ts";

/** How soon a mail goes out that another process has stored. */
const POLL_MS = 1000;

/** After its attempts were cut off, the mailer notes their results within this time. */
const LAST_MS = 1000;

/**
 * Sends the mails in the outbox, until it is stopped. Logs failures. Its timer does not keep the process alive.
 *
 * @param origin of the links in place of the settings' own: with PORT=0 these do not tell the port
 * @returns a function that stops it. It waits for the mails that are being sent, at most POSTERN_SHUTDOWN_SECONDS, and
 *   then postpones them
 */
export function startMailer(services: Services, origin = services.mail?.origin): () => Promise<void> {
  const { mail } = services;
  if (mail === null || origin === undefined) return async () => {};
  const stopping = new AbortController();
  const running = run(services, { ...mail, origin }, stopping.signal);
  return async () => {
    stopping.abort();
    mail.wake();
    await within(services.config.shutdownSeconds * 1000, running);
    mail.transport.close();
    await within(LAST_MS, running);
  };
}

/** Waits for work, and keeps the process alive meanwhile. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  const done = new AbortController();
  await Promise.race([work, delay(ms, undefined, { signal: done.signal }).catch(() => {})]);
  done.abort();
}

async function run(services: Services, mail: MailService, stopping: AbortSignal): Promise<void> {
  const backoff = createBackoff(services.now);
  const watched = { ...mail, transport: watch(mail.transport, backoff) };
  const lanes = new Set<Promise<void>>();
  while (!stopping.aborted) {
    // Before the work: a mail that is stored meanwhile is not missed.
    const woken = sleep(mail);
    if (!backoff.isWaiting() && (await isMailDue(services, backoff))) {
      // One connection finds out whether the server is back.
      while (lanes.size < (backoff.isActive() ? 1 : CONNECTIONS)) {
        const lane = deliverAll(services, watched, backoff, stopping).finally(() => lanes.delete(lane));
        lanes.add(lane);
      }
    }
    await woken;
  }
  await Promise.all(lanes);
}

/** A mail that the server did not take does not stop the others. An outage of the server does: they wait, too. */
function watch(transport: Transport, backoff: Backoff): Transport {
  return {
    ...transport,
    send: async (message) => {
      const delivery = await transport.send(message);
      if (delivery.kind === "later" && delivery.isOutage === true) backoff.failed();
      else backoff.succeeded();
      return delivery;
    },
  };
}

async function isMailDue(services: Services, backoff: Backoff): Promise<boolean> {
  try {
    const dueAt = await findNextDue(services.db);
    return dueAt !== null && dueAt <= services.now();
  } catch (error) {
    report(services, error, backoff);
    return false;
  }
}

/** Sends one mail after the other, until none is due. An outage ends it. */
async function deliverAll(
  services: Services,
  mail: MailService,
  backoff: Backoff,
  stopping: AbortSignal,
): Promise<void> {
  try {
    while (!stopping.aborted && (await deliverNext(services, mail)) && !backoff.isActive());
  } catch (error) {
    report(services, error, backoff);
  }
}

function report({ metrics, log }: Services, error: unknown, backoff: Backoff): void {
  if (isOutage(error)) metrics.databaseFailed();
  log("error", "mailer_failed", describeError(error));
  backoff.failed();
}

/** Until the mailer is woken, or for a second. */
function sleep(mail: MailService): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, POLL_MS).unref();
    mail.onWake(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
