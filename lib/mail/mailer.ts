import { clearTimeout, setTimeout } from "node:timers";
import { isOutage } from "../../db/outage.ts";
import { describeError } from "../observability/log.ts";
import type { Services } from "../services.ts";
import { deliverNext } from "./deliver.ts";
import type { MailService } from "./mail-service.ts";
import { CONNECTIONS } from "./smtp.ts";

/** How soon a mail goes out that another process has stored. */
const POLL_MS = 1000;

/**
 * Sends the mails in the outbox, until it is stopped. Logs failures. Its timer does not keep the process alive.
 *
 * @returns a function that stops it, and waits for the mails that are being sent
 */
export function startMailer(services: Services): () => Promise<void> {
  const { mail } = services;
  if (mail === null) return async () => {};
  const stopping = new AbortController();
  const running = run(services, mail, stopping.signal);
  return async () => {
    stopping.abort();
    mail.wake();
    await running;
    mail.transport.close();
  };
}

async function run(services: Services, mail: MailService, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    const woken = sleep(mail);
    try {
      await deliverAll(services, mail, stopping);
    } catch (error) {
      if (isOutage(error)) services.metrics.databaseFailed();
      services.log("error", "mailer_failed", describeError(error));
    }
    await woken;
  }
}

/** Sends every mail that is due, a few at a time. */
async function deliverAll(services: Services, mail: MailService, stopping: AbortSignal): Promise<void> {
  if (!(await deliverNext(services, mail))) return;
  const lane = async () => {
    while (!stopping.aborted && (await deliverNext(services, mail)));
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, lane));
}

/** Until the mailer is woken, or for a second. Call it before the work: a mail stored meanwhile is not missed. */
function sleep(mail: MailService): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, POLL_MS).unref();
    mail.onWake(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
