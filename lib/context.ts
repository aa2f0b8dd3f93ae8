import type { Db } from "../db/open.ts";
import type { Session } from "../db/sessions.ts";
import type { User } from "../db/users.ts";
import type { Config } from "./config/config.ts";
import type { Keys } from "./crypto/keys.ts";
import type { Target } from "./http/address.ts";
import { type Data, readData } from "./http/body.ts";
import type { Client } from "./http/client-address.ts";
import type { Cookies } from "./http/cookie.ts";
import type { Representation } from "./http/negotiate.ts";
import type { Problem } from "./http/problem.ts";
import type { Log } from "./observability/log.ts";
import type { Metrics } from "./observability/metrics.ts";
import type { Hasher } from "./passwords/hasher.ts";
import type { Soon } from "./pipeline/maybe-promise.ts";

/** What the application stands on. Handed in, so that a test can turn the clock. */
export interface Services {
  config: Config;
  db: Db;
  hasher: Hasher;
  keys: Keys;
  log: Log;
  metrics: Metrics;
  /** Log lines that could not be written. */
  droppedLines: () => number;
  /** Whether this process is about to stop, and wants no more visitors. */
  lifecycle: { isStopping: boolean };
  /** Epoch milliseconds. */
  now: () => number;
}

/** Who sent a request, as the runtime saw it. */
export interface Peer {
  /** The IP address at the other end of the connection, empty where there is none. */
  address: string;
  /** Aborted when the connection ends before the answer; undefined where the runtime does not tell. */
  gone?: () => AbortSignal;
  /**
   * The path as the client sent it, percent-decoded, with any fragment; null if the runtime does not know it. Undefined:
   * `request.url` has it as the client sent it.
   */
  path?: string | null;
}

/** Which listener a request came in by: the one for everybody, or the operators' own. */
export type Entrance = "public" | "operators";

/** A request on its way through the pipeline. A guard narrows it to what its handler needs. */
export interface Context {
  services: Services;
  request: Request;
  target: Target;
  /** Well formed; a trusted proxy's own if it sent one. */
  requestId: string;
  peer: Peer;
  client: Client;
  entrance: Entrance;
  cookies: Cookies;
  representation: Representation;
  /** Every endpoint that a browser finds at this listener. */
  router: Router;
  /** What the path names, null where it is nothing or not known yet. */
  endpoint: Endpoint | null;
  /** What stood in the places of the path's `:name` segments. */
  parameters: Readonly<Record<string, string>>;
  /** The session the request presents, if it is alive, and its user. */
  current: CurrentSession | null;
  /** Whether that has been looked up. */
  sessionRead: boolean;
  /** `Set-Cookie` values to send with the answer, whatever it will be. */
  setCookies: string[];
  /** Who has just logged in. */
  loggedInUserId: number | null;
  /** Whether this request has ended a live session that it presented. */
  isLoggedOut: boolean;
  /** The request's data, parsed at the first call. @throws Problem as `readData` does */
  data: () => Promise<Data>;
}

export interface CurrentSession {
  session: Session;
  user: User;
  /** The secret itself, from the cookie. */
  token: string;
}

/** A request with a live session. */
export interface MemberContext extends Context {
  current: CurrentSession;
}

/** A request by the link that lets the first user be made. */
export interface NewcomerContext extends Context {
  /** From the link; it has been found good. */
  setupToken: string;
}

/** Says who may come in: throws a Problem, or returns the context its handler needs. */
export type Guard<C extends Context> = (context: Context) => Soon<C>;

/** Reads, decides, writes, replies. */
export type Handler<C extends Context> = (context: C) => Soon<Response>;

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** One row of the table of endpoints. */
export interface Route {
  method: Method;
  /** With a final slash, but for files and what operators ask. A segment `:name` takes any one segment. */
  path: string;
  /**
   * `page`: for browsers alone, a program is answered as if it were not there. `file`: the same bytes for everybody.
   * `operations`: for programs of those who run the server, that know no Host, no Accept and no session.
   */
  kind: "route" | "page" | "file" | "operations";
  /** The name of its guard: who may come in. */
  admits: string;
  /** The guard: lets the request in or throws a Problem. */
  admit: (context: Context) => unknown;
  /** Guard, then handler. */
  answer: (context: Context) => Soon<Response>;
  /** Shows a browser the form again that it was refused with; null where there is none. */
  showAgain: ((context: Context, problem: Problem) => Promise<Response>) | null;
}

/** Answers a refused form with its page, the mistakes beside their fields. */
export type FormPage<C extends Context> = (context: C, problem: Problem) => Soon<Response>;

/** All the rows of one path. */
export interface Endpoint {
  path: string;
  /** That of its rows; `route` where some are for browsers alone. */
  kind: Route["kind"];
  routes: readonly Route[];
  /** The `Allow` header, in the order Django REST Framework gives it. */
  allow: string;
  /** What every answer in JSON begins with, once the session has been looked up: safety, type, `Allow` and `Vary`. */
  headers: Headers;
  /** What OPTIONS calls it: `Profile` for `/profile/`. */
  name: string;
}

/** The endpoint of a decoded path, and what stood in the places of its `:name` segments. */
export interface Match {
  endpoint: Endpoint;
  parameters: Readonly<Record<string, string>>;
}

export type Router = (path: string) => Match | undefined;

/** 64 KiB: a login is a few hundred bytes. */
const MAX_BODY_BYTES = 65536;

/** What a request is known by from its first moment. */
type Arrival = Pick<
  Context,
  | "services"
  | "request"
  | "target"
  | "requestId"
  | "peer"
  | "client"
  | "entrance"
  | "cookies"
  | "representation"
  | "router"
>;

export function createContext(arrival: Arrival): Context {
  const { services, request, target, requestId, peer, client, entrance, cookies, representation, router } = arrival;
  let data: Promise<Data> | undefined;
  // Name by name, once a request: to spread an object into another is slow.
  return {
    services,
    request,
    target,
    requestId,
    peer,
    client,
    entrance,
    cookies,
    representation,
    router,
    endpoint: null,
    parameters: NO_PARAMETERS,
    current: null,
    sessionRead: false,
    setCookies: [],
    loggedInUserId: null,
    isLoggedOut: false,
    data: () => {
      data ??= readData(request, { maxBytes: MAX_BODY_BYTES, timeoutSeconds: services.config.bodyTimeoutSeconds });
      return data;
    },
  };
}

const NO_PARAMETERS = {};
