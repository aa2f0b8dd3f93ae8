import { isOutage } from "../db/outage.ts";
import {
  type Context,
  createContext,
  type Endpoint,
  type Entrance,
  type Peer,
  type Router,
  type Services,
} from "./context.ts";
import { generateRequestId } from "./crypto/token.ts";
import { isHost, parseTarget, queryValue, requestPath, type Target } from "./http/address.ts";
import { clientOf } from "./http/client-address.ts";
import { parseCookies } from "./http/cookie.ts";
import { type Negotiated, negotiate, type Representation, type Unacceptable } from "./http/negotiate.ts";
import { Problem, type ProblemCode } from "./http/problem.ts";
import { describeError } from "./observability/log.ts";
import { requireOwnOrigin } from "./pipeline/csrf.ts";
import { andThen, type Soon } from "./pipeline/maybe-promise.ts";
import { refuseInWords } from "./pipeline/page-responses.ts";
import { record } from "./pipeline/request-log.ts";
import { describe, json, preflight, redirectToSlash } from "./pipeline/responses.ts";
import { createRouter, routeFor } from "./pipeline/router.ts";
import { addSafetyHeaders } from "./pipeline/security-headers.ts";
import { ROUTES } from "./routes.ts";
import { dropDeadCookie, findCurrent, isHttps } from "./session/session.ts";

/** When to come back while the database is gone: it is asked anew at every request. */
const OUTAGE_SECONDS = 5;

const PROXY_REMARK =
  "Headers of a reverse proxy are ignored, since it is none that POSTERN_TRUSTED_PROXIES names. " +
  "Name its address there if it is yours.";

/** The one handler: from a request to its answer, at once where nothing has to be waited for. Never throws or rejects. */
export type App = (request: Request, peer: Peer) => Soon<Response>;

/** @param entrance which listener it is for: where operators have their own, each answers its own rows alone */
export function createApp(services: Services, entrance: Entrance = "public"): App {
  const { config, now } = services;
  const isSplit = config.opsAddress !== null;
  const rows = ROUTES.filter(({ kind }) => !isSplit || (kind === "operations") === (entrance === "operators"));
  const findForBrowsers = createRouter(rows);
  const findForPrograms = createRouter(rows.filter(({ kind }) => kind !== "page"));
  let isProxyRemarked = entrance === "operators";
  return (request, peer) => {
    const startedAt = now();
    const { headers } = request;
    const client = clientOf(headers, peer.address, config);
    const requestId = client.requestId ?? generateRequestId();
    if (client.isProxyIgnored && !isProxyRemarked) {
      isProxyRemarked = true;
      services.log("warning", "proxy_not_trusted", { peer: client.address, remark: PROXY_REMARK });
    }
    const cookies = parseCookies(headers.get("cookie"));
    const target = parseTarget(request.url);
    const negotiated = represent(headers, target);
    const unacceptable = typeof negotiated === "string" ? negotiated : null;
    const representation = typeof negotiated === "string" ? COMPACT_JSON : negotiated;
    const router = findForBrowsers;
    const arrival = { services, request, target, requestId, peer, client, entrance, cookies, representation, router };
    const context = createContext(arrival);
    const find = representation.format === "page" ? findForBrowsers : findForPrograms;
    const send = (response: Response, problem: ProblemCode | null = null) => {
      finish(context, response);
      record(context, { status: response.status, ms: now() - startedAt, problem });
      return response;
    };
    const sendRefusal = async (error: unknown) => {
      const problem = problemOf(error, context);
      return send(await refuse(context, problem), problem.code);
    };
    try {
      const response = answer(context, unacceptable, find);
      return response instanceof Promise ? response.then(send, sendRefusal) : send(response);
    } catch (error) {
      return sendRefusal(error);
    }
  };
}

const COMPACT_JSON: Representation = { format: "json", indent: 0 };

/** A page for a browser that goes somewhere (Fetch Metadata), unless the query names a format; else as DRF negotiates. */
function represent(headers: Headers, target: Target): Negotiated {
  const format = queryValue(target, "format");
  if (!format && headers.get("sec-fetch-mode") === "navigate") return { format: "page", indent: 0 };
  return negotiate(headers.get("accept"), format);
}

/** The stations of a request, in Django's order: the first that objects answers. */
function answer(context: Context, unacceptable: Unacceptable | null, find: Router): Soon<Response> {
  const { request, target, peer } = context;
  const path = requestPath(target, peer.path);
  const match = path === null ? undefined : find(path);
  if (match?.endpoint.kind === "operations") return answerOperator(context, match.endpoint);
  requireHost(context);
  if (path === null) throw new Problem("not_found");
  if (match === undefined) {
    if (find(`${path}/`) === undefined) throw new Problem("not_found");
    return redirectToSlash(`${path}/`, target.query, request.method);
  }
  const { endpoint } = match;
  context.endpoint = endpoint;
  context.parameters = match.parameters;
  if (endpoint.kind === "file") return dispatch(context, endpoint);
  if (isTrustedPreflight(context)) return preflight(endpoint.allow);
  if (unacceptable !== null) throw new Problem(unacceptable);
  return andThen(findCurrent(context), (current) => {
    context.current = current;
    context.sessionRead = true; // Not before: where the database is away, nobody's cookie is dead.
    return andThen(requireOwnOrigin(context), () => dispatch(context, endpoint));
  });
}

/** If the guard denies the request, it is answered as if the endpoint did not exist: by its Host first. */
async function answerOperator(context: Context, endpoint: Endpoint): Promise<Response> {
  try {
    for (const { admit } of endpoint.routes) await admit(context);
  } catch (error) {
    requireHost(context);
    throw error;
  }
  context.endpoint = endpoint;
  return dispatch(context, endpoint);
}

function dispatch(context: Context, endpoint: Endpoint): Soon<Response> {
  const route = routeFor(endpoint, context.request.method);
  return route ? route.answer(context) : answerOtherMethod(context, endpoint);
}

async function answerOtherMethod(context: Context, endpoint: Endpoint): Promise<Response> {
  const { method } = context.request;
  // Whom the endpoint's first row does not admit is not told which methods there are.
  await endpoint.routes[0]?.admit(context);
  if (method === "OPTIONS") return describe(context, endpoint);
  throw new Problem("method_not_allowed", { values: { method } });
}

/** Where the public origin is known, a request for another host is not for us (host header attacks). */
function requireHost({ client: { host }, services: { config } }: Context): void {
  if (host !== null && !isHost(host)) throw new Problem("bad_host");
  if (config.ownHosts !== null && !config.ownHosts.includes(host?.toLowerCase() ?? "")) throw new Problem("bad_host");
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
async function refuse(context: Context, problem: Problem): Promise<Response> {
  if (context.representation.format !== "page") {
    return withRetryAfter(json(context, problem.body, problem.status), problem);
  }
  const form = problem.isMistake ? await showFormAgain(context, problem) : null;
  return withRetryAfter(form ?? refuseInWords(context, problem), problem);
}

/** The form that was refused, as it was sent; null where it was none, or whoever sent it may not see it any more. */
async function showFormAgain(context: Context, problem: Problem): Promise<Response | null> {
  const { endpoint, request } = context;
  const row = endpoint === null ? undefined : routeFor(endpoint, request.method);
  if (!row?.showAgain) return null;
  try {
    return await row.showAgain(context, problem);
  } catch (error) {
    problemOf(error, context); // Which logs it, where it is none.
    return null;
  }
}

function withRetryAfter(response: Response, { retryAfterSeconds }: Problem): Response {
  if (retryAfterSeconds !== null) response.headers.set("Retry-After", String(retryAfterSeconds));
  return response;
}

function problemOf(error: unknown, { requestId, services: { log, metrics } }: Context): Problem {
  if (error instanceof Problem) return error;
  const isPassing = isOutage(error);
  if (isPassing) metrics.databaseFailed();
  const fields = { request_id: requestId, ...describeError(error) };
  log("error", isPassing ? "database_unavailable" : "unexpected_error", fields);
  return isPassing
    ? new Problem("unavailable", { values: { seconds: OUTAGE_SECONDS }, retryAfterSeconds: OUTAGE_SECONDS })
    : new Problem("server_error");
}

/** A year, for this host alone: its siblings are not ours to bind (RFC 6797). */
const HSTS = "max-age=31536000";

function finish(context: Context, { headers }: Response): void {
  const { endpoint, sessionRead } = context;
  addSafetyHeaders(headers);
  headers.set("X-Request-Id", context.requestId);
  if (isHttps(context)) {
    headers.set("Strict-Transport-Security", HSTS);
    const { clearSiteData } = context.services.config;
    if (clearSiteData !== null && context.isLoggedOut) headers.set("Clear-Site-Data", clearSiteData);
  }
  // Files and probes know no session. A file with a cookie would not be kept by a shared cache (RFC 9111 §3.5).
  if (endpoint?.kind !== "file" && endpoint?.kind !== "operations") dropDeadCookie(context, sessionRead);
  for (const cookie of context.setCookies) headers.append("Set-Cookie", cookie);
  const vary: string[] = [];
  if (!headers.has("Allow")) {
    // Else it is an answer in JSON, which began with all of these.
    if (endpoint) headers.set("Allow", endpoint.allow);
    if (endpoint && endpoint.kind !== "file") vary.push("Accept");
    if (sessionRead || context.setCookies.length > 0) vary.push("Cookie");
  }
  if (context.services.config.trustedOrigins.size > 0) vary.push("Origin");
  if (vary.length > 0) {
    const own = headers.get("Vary"); // Not appended to, which would be a line of its own on Deno.
    headers.set("Vary", (own === null ? vary : [own, ...vary]).join(", "));
  }
  const origin = trustedOrigin(context);
  if (origin === null) return;
  headers.set("Access-Control-Allow-Origin", origin);
  headers.set("Access-Control-Allow-Credentials", "true");
}
