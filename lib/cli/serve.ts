import { isOutage } from "../../db/outage.ts";
import { deleteEndedSessions } from "../../db/sessions.ts";
import { hasUsers } from "../../db/users.ts";
import type { Config } from "../config.ts";
import type { Services } from "../context.ts";
import { describeError } from "../log.ts";
import { lifetime } from "../session.ts";
import { clearThrottles } from "../throttle.ts";
import type { Cli, Command } from "./command.ts";
import { openDoors } from "./door.ts";
import { shutDown, stopSignal } from "./shutdown.ts";
import { startWorkers } from "./workers.ts";

const CLEAR_EVERY_MS = 60 * 60 * 1000;

export const SERVE_COMMAND: Command = {
  name: "serve",
  alias: "runserver",
  operand: "",
  options: {},
  about: "Run the server. What is done when no command is named.",
  run: serve,
};

async function serve(cli: Cli): Promise<void> {
  const services = await cli.open({ mayCreate: true });
  const { config, db, log } = services;
  const stopped = stopSignal();
  const stop = config.workers === 1 ? await openHere(cli, services) : await startWorkers(cli, services);
  for (const sentence of remarks(config)) log("warning", "remark", { remark: sentence });
  if (!(await hasUsers(db))) {
    log("info", "no_users", { remark: `There are no users yet. Make the first: ${cli.program} createsuperuser` });
  }
  await clear(services);
  const clearing = setInterval(() => clear(services), CLEAR_EVERY_MS);
  await stopped;
  clearInterval(clearing);
  await stop();
}

/** Answers in this process. @returns what stops it */
async function openHere(cli: Cli, services: Services): Promise<() => Promise<void>> {
  const listeners = await openDoors(cli, services);
  return () => shutDown(services, listeners);
}

/** What is allowed, but worth knowing. */
function remarks({ cookieDomain, secureCookies, sessionCookieName, host, publicUrl }: Config): string[] {
  const sentences: string[] = [];
  if (cookieDomain !== null && secureCookies) {
    sentences.push(
      `The session cookie is ${sessionCookieName}, not __Host-sessionid, because POSTERN_COOKIE_DOMAIN is set: ` +
        `every host of ${cookieDomain} can read and plant it.`,
    );
  }
  if (publicUrl === null && !["127.0.0.1", "::1", "localhost"].includes(host)) {
    sentences.push("PUBLIC_URL is not set: any Host is answered, and cookies are not Secure.");
  }
  return sentences;
}

async function clear(services: Services): Promise<void> {
  try {
    const count = await deleteEndedSessions(services.db, lifetime(services));
    if (count > 0) services.log("info", "sessions_cleared", { count });
    await clearThrottles(services);
  } catch (error) {
    if (isOutage(error)) services.metrics.databaseFailed();
    services.log("error", "unexpected_error", describeError(error));
  }
}
