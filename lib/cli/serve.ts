import type { Config } from "../config/config.ts";
import { startMailer } from "../mail/mailer.ts";
import { reportLostKey, startMaintenance } from "../ops/maintenance.ts";
import { unixPath } from "../runtime/unix-socket.ts";
import type { Services } from "../services.ts";
import { inviteFirstUser } from "../users/invite-first-user.ts";
import type { Cli, Command } from "./command.ts";
import { cookieDomainSet, PUBLIC_URL_UNSET } from "./findings.ts";
import { openListeners, urlOf } from "./listen.ts";
import { end, shutDown, stopSignal } from "./shutdown.ts";
import { startWorkers } from "./workers.ts";

export const SERVE_COMMAND: Command = {
  name: "serve",
  alias: "runserver",
  operand: "",
  options: {},
  about: "Run the server. This is the default command.",
  run: serve,
};

async function serve(cli: Cli): Promise<void> {
  const services = await cli.open({ mayCreate: true });
  const { config, log } = services;
  const stopped = stopSignal();
  const { port, stop } =
    config.workers === 1
      ? await openHere(cli, services)
      : { port: config.port, stop: await startWorkers(cli, services) };
  await reportLostKey(services);
  for (const sentence of remarks(config)) log("warning", "remark", { remark: sentence });
  const origin = config.publicUrl ?? originOf(config.host, port);
  await invite(cli, services, origin);
  const stopMaintenance = startMaintenance(services);
  const stopMailer = startMailer(services, origin || undefined);
  await stopped;
  await Promise.all([stop(), stopMailer()]);
  end(services);
  await stopMaintenance();
}

/** Empty for a Unix socket: only its proxy knows the origin. */
function originOf(host: string, port: number): string {
  return unixPath(host) === null ? urlOf(host, port) : "";
}

/** Says how to create the first user. The link is a secret: it goes to standard error, not to the log. */
async function invite({ program, terminal }: Cli, { db, log, now }: Services, origin: string): Promise<void> {
  const path = await inviteFirstUser({ db, now });
  if (path === null) return;
  log("info", "no_users", { remark: `There is no user yet. Create one: ${program} createsuperuser` });
  terminal.remark(`There is no user yet. Create the first one in a browser within 30 minutes:\n${origin}${path}`);
}

/** Starts the server in this process. @returns its port, and a function that stops it */
async function openHere(cli: Cli, services: Services): Promise<{ port: number; stop: () => Promise<void> }> {
  const listeners = await openListeners(cli, services);
  return { port: listeners[0]?.port ?? services.config.port, stop: () => shutDown(services, listeners) };
}

/** Warnings about valid settings. */
function remarks({ cookieDomain, secureCookies, sessionCookieName, host, publicUrl }: Config): string[] {
  const sentences: string[] = [];
  if (cookieDomain !== null && secureCookies) {
    sentences.push(`${cookieDomainSet(cookieDomain)} Its name is ${sessionCookieName}, not __Host-sessionid.`);
  }
  if (publicUrl === null && !["127.0.0.1", "::1", "localhost"].includes(host)) {
    sentences.push(PUBLIC_URL_UNSET);
  }
  return sentences;
}
