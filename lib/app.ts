import { isOutage } from "../db/outage.ts";
import { describe, json, preflight, redirectToSlash } from "./answer.ts";
import { type Context, createContext, type Peer, type Services } from "./context.ts";
import { requireOwnOrigin } from "./csrf.ts";
import { decodePath, isHost, parseTarget, type Target } from "./http/address.ts";
import { parseCookies } from "./http/cookie.ts";
import { negotiate } from "./http/negotiate.ts";
import { describeError } from "./log.ts";
import { Problem } from "./problem.ts";
import { createRouter, type Endpoint, routeFor } from "./router.ts";
import { ROUTES } from "./routes.ts";
import { dropDeadCookie, findCurrent } from "./session.ts";

/** When to come back while the database is gone: it is asked anew at every request. */
const OUTAGE_SECONDS = 5;

/** The one handler: from a request to its answer. Never rejects. */
export type App = (request: Request, peer: Peer) => Promise<Response>;

/** How far a request got, for the headers and the log line of its answer. */
interface Progress {
  endpoint: Endpoint | null;
  /** Whether its session was looked up. */
  sessionRead: boolean;
}

export function createApp(services: Services): App {
  const findEndpoint = createRouter(ROUTES);
  return async (request, peer) => {
    const startedAt = services.now();
    const context = createContext(services, request, peer, parseCookies(request.headers.get("cookie")));
    const progress: Progress = { endpoint: null, sessionRead: false };
    const response = await answer(context, progress, findEndpoint).catch((error) => refuse(context, error));
    finish(context, progress, response);
    services.log("info", "request", {
      method: request.method,
      route: progress.endpoint?.path ?? null,
      status: response.status,
      ms: services.now() - startedAt,
    });
    return response;
  };
}

/** The stations of a request, in Django's order: the first that objects answers. */
async function answer(
  context: Context,
  progress: Progress,
  findEndpoint: (path: string) => Endpoint | undefined,
): Promise<Response> {
  const { request } = context;
  requireHost(context);
  const target = parseTarget(request.url);
  const path = decodePath(target.path);
  if (path === null) throw new Problem("not_found");
  const endpoint = findEndpoint(path);
  if (endpoint === undefined) {
    if (findEndpoint(`${path}/`) === undefined) throw new Problem("not_found");
    return redirectToSlash(`${path}/`, target.query, request.method);
  }
  progress.endpoint = endpoint;
  if (isTrustedPreflight(context)) return preflight(endpoint.allow);
  requireRepresentation(context, target);
  progress.sessionRead = true;
  context.current = await findCurrent(context);
  await requireOwnOrigin(context);
  const route = routeFor(endpoint, request.method);
  if (route) return route.answer(context);
  // Whom the endpoint's first row does not admit is not told which methods there are.
  endpoint.routes[0]?.admit(context);
  if (request.method === "OPTIONS") return describe(context, endpoint);
  throw new Problem("method_not_allowed", { values: { method: request.method } });
}

/** Where the public origin is known, a request for another host is not for us (host header attacks). */
function requireHost({ request, services: { config } }: Context): void {
  const host = request.headers.get("host");
  if (host !== null && !isHost(host)) throw new Problem("bad_host");
  if (config.publicUrl === null) return;
  const { host: own, protocol } = new URL(config.publicUrl);
  const defaultPort = protocol === "https:" ? ":443" : ":80";
  if (host?.toLowerCase() !== own && host?.toLowerCase() !== own + defaultPort) throw new Problem("bad_host");
}

function requireRepresentation(context: Context, { query }: Target): void {
  const format = query === "" ? null : (new URLSearchParams(`&${query}`).getAll("format").at(-1) ?? null);
  const representation = negotiate(context.request.headers.get("accept"), format);
  if (typeof representation === "string") throw new Problem(representation);
  context.representation = representation;
}

function trustedOrigin({ request, services: { config } }: Context): string | null {
  const origin = request.headers.get("origin");
  return origin !== null && config.trustedOrigins.has(origin) ? origin : null;
}

function isTrustedPreflight(context: Context): boolean {
  const { method, headers } = context.request;
  return method === "OPTIONS" && headers.has("access-control-request-method") && trustedOrigin(context) !== null;
}

/** A Problem is what the client is told; any other error is ours, told to the log alone. */
function refuse(context: Context, error: unknown): Response {
  const problem = problemOf(error, context.services);
  const response = json(context, problem.body, problem.status);
  if (problem.retryAfterSeconds !== null) response.headers.set("Retry-After", String(problem.retryAfterSeconds));
  return response;
}

function problemOf(error: unknown, { log }: Services): Problem {
  if (error instanceof Problem) return error;
  const isPassing = isOutage(error);
  log("error", isPassing ? "database_unavailable" : "unexpected_error", describeError(error));
  return isPassing
    ? new Problem("unavailable", { values: { seconds: OUTAGE_SECONDS }, retryAfterSeconds: OUTAGE_SECONDS })
    : new Problem("server_error");
}

/** Sent with every answer. */
const HEADERS = {
  "X-Frame-Options": "DENY",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "same-origin",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "Cache-Control": "no-store",
};

function finish(context: Context, { endpoint, sessionRead }: Progress, { headers }: Response): void {
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  if (endpoint) headers.set("Allow", endpoint.allow);
  dropDeadCookie(context, sessionRead);
  for (const cookie of context.setCookies) headers.append("Set-Cookie", cookie);
  const vary: string[] = [];
  if (endpoint) vary.push("Accept");
  if (sessionRead || context.setCookies.length > 0) vary.push("Cookie");
  if (context.services.config.trustedOrigins.size > 0) vary.push("Origin");
  if (vary.length > 0) headers.set("Vary", vary.join(", "));
  const origin = trustedOrigin(context);
  if (origin === null) return;
  headers.set("Access-Control-Allow-Origin", origin);
  headers.set("Access-Control-Allow-Credentials", "true");
}
