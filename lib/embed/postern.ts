import { hasUsers } from "../../db/users.ts";
import { type App, createApp } from "../app.ts";
import { explainError } from "../cli/explain-error.ts";
import type { Peer, Route, Router } from "../context.ts";
import { identityOf } from "../forward/identity.ts";
import { parseTarget, requestPath } from "../http/target.ts";
import { startMailer } from "../mail/mailer.ts";
import type { Level } from "../observability/log.ts";
import { createOutput, type Output } from "../observability/output.ts";
import { reportLostKey, startMaintenance } from "../ops/maintenance.ts";
import { arrive } from "../pipeline/arrive.ts";
import { isForged } from "../pipeline/csrf.ts";
import type { MaybePromise } from "../pipeline/maybe-promise.ts";
import { createRouter } from "../pipeline/router.ts";
import { ROUTES } from "../routes.ts";
import { loadRuntime } from "../runtime/load.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { openServices, type Services } from "../services.ts";
import { authenticate } from "../session/session.ts";
import type { Identity } from "../users/identity.ts";
import { inviteFirstUser } from "../users/invite-first-user.ts";
import { PosternError } from "./error.ts";
import { nameOptions, type PosternSettings, parseOptions } from "./options.ts";

export type { Identity, PosternSettings };
export { PosternError };

/** The settings, and the destination of the log. */
export interface PosternOptions extends PosternSettings {
  /** Receives each event of the log, as one line of JSON. By default the lines go to standard output. */
  readonly log?: ((line: string, level: Level) => void) | undefined;
}

/** The other end of the connection. `server.requestIP(request)` of Bun is one. */
export interface PosternPeer {
  /** Its IP address. A proxy's own, if a proxy is in between: `trustedProxies` names it. */
  readonly address: string;
}

/** Postern in the process of an application. */
export interface Postern {
  /**
   * Answers a request for one of Postern's paths. Null for every other path: the application's own. Never rejects for an
   * error in a request, or for an outage: the answer is then an error.
   *
   * @param peer if it is missing, the client's address is unknown: no limit by network applies, the headers of no proxy
   *   are trusted, and the audit trail has no address
   */
  fetch(request: Request, peer?: PosternPeer | null): Promise<Response | null>;
  /**
   * The user who is logged in, read from the database at this call. Null if there is none, and for a request of a foreign
   * page that changes something or opens a WebSocket. Notes the time, once a minute, so that the session stays alive.
   *
   * @throws Error if the database cannot answer: an outage is no logout
   */
  user(request: Request, peer?: PosternPeer | null): Promise<Identity | null>;
  /** The path of a link that creates the first user: valid once, for 30 minutes. Null if a user exists. */
  setUpPath(): Promise<string | null>;
  /** Waits for the requests and mails in flight, at most 10 seconds for the mails, and closes the database. */
  close(): Promise<void>;
}

/**
 * Opens the database, which it creates or migrates if needed, and does the server's hourly work and sends mail until `close()`.
 * No environment variable is read. (The Postgres driver has its own, such as PGPASSWORD.)
 *
 * @throws PosternError if an option is not valid, or if the database cannot be opened
 */
export async function createPostern({ log, ...settings }: PosternOptions = {}): Promise<Postern> {
  const runtime = await loadRuntime();
  const output = log === undefined ? createOutput(runtime.standardOutput) : outputTo(log);
  const services = await open(settings, output);
  const stops = [startMaintenance(services), startMailer(services)];
  return embed(services, runtime, async () => {
    for (const stop of stops) await stop();
  });
}

async function open(settings: PosternSettings, output: Output): Promise<Services> {
  const config = parseOptions(settings);
  let services: Services | undefined;
  try {
    services = await openServices(config, output, { mayCreate: true });
    await reportLostKey(services);
    if (!(await hasUsers(services.db))) services.log("info", "no_users", { remark: NO_USERS });
    return services;
  } catch (error) {
    await services?.db.destroy();
    const sentence = explainError(error, config.databaseUrl);
    throw sentence === null ? error : new PosternError(nameOptions(sentence), { cause: error });
  }
}

const NO_USERS =
  "There is no user yet. Call setUpPath() for a link that creates the first one, or run createsuperuser.";

function outputTo(log: (line: string, level: Level) => void): Output {
  return { write: (text, level) => log(text.trimEnd(), level), dropped: () => 0, isTerminal: false };
}

function embed(services: Services, runtime: Runtime, stopWork: () => Promise<void>): Postern {
  const app = createApp(services);
  const router = createRouter(ROUTES.filter(isEmbedded));
  const inFlight = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;
  /** Does not begin after `close()`, and ends before the database is closed. */
  const track = async <T>(work: () => MaybePromise<T>): Promise<T> => {
    if (closing !== undefined) throw new PosternError("This Postern is closed.");
    const running = Promise.resolve(work());
    inFlight.add(running);
    return running.finally(() => inFlight.delete(running));
  };
  const peerOf = (request: Request, peer: PosternPeer | null = null) => runtime.peerOf(request, peer?.address ?? "");
  const close = async () => {
    services.lifecycle.isStopping = true;
    await Promise.allSettled(inFlight);
    await stopWork();
    await services.db.destroy();
  };
  return {
    fetch: (request, peer) => track(() => answer(app, router, request, peerOf(request, peer))),
    user: (request, peer) =>
      track(async () => {
        const arrival = arrive(request, peerOf(request, peer), { services, listener: "public", router });
        const auth = isForged(arrival) ? null : await authenticate(arrival, true);
        return auth?.level === "full" ? identityOf(auth) : null;
      }),
    setUpPath: () => track(() => inviteFirstUser(services)),
    close: () => (closing ??= close()),
  };
}

/** Paths that a site has anyway. The application answers them, and the probes of operators. */
const OF_THE_SITE = ["/", "/favicon.ico", "/robots.txt"];

function isEmbedded({ path, surface }: Route): boolean {
  return !OF_THE_SITE.includes(path) && surface.audience !== "operators";
}

function answer(app: App, router: Router, request: Request, peer: Peer): MaybePromise<Response> | null {
  const path = requestPath(parseTarget(request.url), peer.path);
  return path === null || router(path) === undefined ? null : app(request, peer);
}
