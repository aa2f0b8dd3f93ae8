import type { OneTimeToken } from "../db/one-time-tokens.ts";
import type { FoundLogin } from "../db/pending-logins.ts";
import type { Session } from "../db/sessions.ts";
import type { Credentials, User } from "../db/users.ts";
import type { Data } from "./http/body.ts";
import type { Client } from "./http/client-address.ts";
import type { Cookies } from "./http/cookie.ts";
import type { Representation, Unacceptable } from "./http/negotiate.ts";
import type { Problem } from "./http/problem.ts";
import type { Target } from "./http/target.ts";
import type { Facts } from "./mail/facts.ts";
import type { MaybePromise } from "./pipeline/maybe-promise.ts";
import type { Reply } from "./pipeline/reply.ts";
import type { Surface } from "./pipeline/surface.ts";
import type { Services } from "./services.ts";

// A request passes three stages: Arrival, Routed, Authenticated. Each is a new object, and none is ever changed. A guard
// and a throttle then narrow the last one to what the handler of the route needs.

/** The client's end of the connection, as the runtime sees it. */
export interface Peer {
  /** The IP address at the other end of the connection; `unix` for a Unix socket; empty if it is unknown. */
  readonly address: string;
  /** Aborted if the connection ends before the answer; undefined if the runtime cannot tell. */
  readonly gone?: () => AbortSignal;
  /**
   * The path as the client sent it, percent-decoded, with any fragment; null if the runtime does not know it. Undefined:
   * `request.url` has it as the client sent it.
   */
  readonly path?: string | null;
}

/** Which listener a request came in by: the public one, or the operators' own. */
export type Listener = "public" | "operators";

/** What is known from a request's head alone. */
export interface Arrival {
  readonly services: Services;
  readonly request: Request;
  readonly target: Target;
  /** Well formed; a trusted proxy's own if it sent one. */
  readonly requestId: string;
  readonly peer: Peer;
  readonly client: Client;
  readonly listener: Listener;
  readonly cookies: Cookies;
  readonly representation: Representation;
  /** The problem with Accept or `?format=`; null if there is none. The representation is compact JSON then. */
  readonly unacceptable: Unacceptable | null;
  /** Finds every endpoint that a browser has at this listener. */
  readonly router: Router;
  /** Null until the path is known to name an endpoint. */
  readonly endpoint: Endpoint | null;
  /** Null until the session has been looked up. */
  readonly auth: Auth | null;
  /** The request's data, parsed at the first call. @throws Problem as `readData` does */
  readonly data: () => Promise<Data>;
}

/** The path names an endpoint. */
export interface Routed extends Arrival {
  readonly endpoint: Endpoint;
  /** The values of the path's `:name` segments. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** The session has been looked up, if the surface reads one. */
export interface Authenticated extends Routed {
  readonly auth: Auth;
}

/** The login state of a request. */
export type Auth = Anonymous | Enrolling | Full;

export interface Anonymous {
  readonly level: "anonymous";
  /** Whether the request presents a session cookie that opens nothing. The answer expires it. */
  readonly staleCookie: boolean;
}

/** Logged in, but the user has no second factor and POSTERN_REQUIRE_SECOND_FACTOR demands one. */
export interface Enrolling extends CurrentSession {
  readonly level: "enrolling";
}

/** Logged in. */
export interface Full extends CurrentSession {
  readonly level: "full";
}

export interface CurrentSession {
  /** `provedAt` says when the user last proved to be present. */
  readonly session: Session;
  readonly user: User;
  /** The secret itself, from the cookie. */
  readonly token: string;
  /** The names of the user's groups, sorted; null if the surface does not read them. */
  readonly groups: readonly string[] | null;
}

/** A request of a user who is logged in. */
export interface UserContext extends Authenticated {
  readonly auth: Full;
}

/** The second step of a login. */
export interface PendingContext extends Authenticated {
  readonly pending: {
    readonly login: FoundLogin;
    /** As stored now. */
    readonly credentials: Credentials;
  };
}

/** A request by the link that lets the first user be created. */
export interface SetupContext extends Authenticated {
  /** From the link; the guard found it valid. */
  readonly setupToken: string;
}

/** A request by a link from a mail. */
export interface LinkContext extends Authenticated {
  readonly link: OpenLink;
}

/** A link that the guard found valid. Only `consumeToken` uses it. */
export interface OpenLink {
  /** The secret itself. A form sends it back. */
  readonly token: string;
  readonly stored: OneTimeToken;
  readonly facts: Facts;
  /** Null for a sign-up: its user does not exist yet. */
  readonly user: User | null;
}

/** Returns the context that the handler needs, or throws a Problem. */
export type Guard<C extends Authenticated> = (context: Authenticated) => MaybePromise<C>;

/** Adds what the handler needs to count its attempts. The handler does not compile in a row without it. */
export type Throttle<C extends Authenticated, T extends C> = (context: C) => T;

/** Reads, decides, writes, replies. @throws Problem if the request is denied */
export type Handler<C extends Authenticated> = (context: C) => MaybePromise<Reply>;

/** Shows a browser a form again, with its validation errors. */
export type FormHandler<C extends Authenticated> = (context: C, problem: Problem) => MaybePromise<Reply>;

/** `ANY`: a proxy asks with the method of the original request. */
export type Method = "GET" | "POST" | "PATCH" | "DELETE" | "ANY";

/** One row of the table of endpoints. */
export interface Route {
  readonly method: Method;
  /** API and PAGE: with a final slash. A segment `:name` takes any one segment, a final `*` any rest. */
  readonly path: string;
  readonly surface: Surface;
  /** Throws a Problem, or lets the request in. */
  readonly guard: (context: Authenticated) => unknown;
  readonly throttleName: string;
  /** Guard, throttle, handler. */
  readonly answer: (context: Authenticated) => MaybePromise<Reply>;
  /** Null if the row takes no form. */
  readonly renderWithErrors: ((context: Authenticated, problem: Problem) => Promise<Reply>) | null;
}

/** All the rows of one path. */
export interface Endpoint {
  readonly path: string;
  /** That of its rows; API if the path has pages too. */
  readonly surface: Surface;
  readonly routes: readonly Route[];
  /** The `Allow` header, in the order of Django REST Framework. */
  readonly allow: string;
  /** The first headers of every answer in JSON after the session lookup: security headers, type, `Allow`, `Vary`. */
  readonly headers: Headers;
  /** The name that OPTIONS gives: `Profile` for `/profile/`. */
  readonly name: string;
}

/** The endpoint of a decoded path, and the values of its `:name` segments. */
export interface Match {
  readonly endpoint: Endpoint;
  readonly parameters: Readonly<Record<string, string>>;
}

export type Router = (path: string) => Match | undefined;
