import type { Anonymous, Arrival, Authenticated, Listener, Peer, Routed } from "./context.ts";
import { Problem, type ProblemCode } from "./http/problem.ts";
import { isHost, requestPath } from "./http/target.ts";
import { arrive, COMPACT_JSON } from "./pipeline/arrive.ts";
import { requireOwnOrigin } from "./pipeline/csrf.ts";
import { errorResponse, problemOf } from "./pipeline/error-response.ts";
import { finish, trustedOrigin } from "./pipeline/finish.ts";
import { isFromProxy } from "./pipeline/guards.ts";
import { andThen, type MaybePromise } from "./pipeline/maybe-promise.ts";
import type { Reply } from "./pipeline/reply.ts";
import { logRequest } from "./pipeline/request-log.ts";
import { describe, preflight, redirectToSlash } from "./pipeline/responses.ts";
import { createRouter, routeFor } from "./pipeline/router.ts";
import { API } from "./pipeline/surface.ts";
import { ROUTES } from "./routes.ts";
import type { Services } from "./services.ts";
import { authenticate } from "./session/session.ts";

/** From a request to its response, at once if nothing has to be awaited. Never throws or rejects. */
export type App = (request: Request, peer: Peer) => MaybePromise<Response>;

/** @param listener if operators have a listener of their own, each answers only its own rows */
export function createApp(services: Services, listener: Listener = "public"): App {
  const isSplit = services.config.opsAddress !== null;
  const rows = ROUTES.filter(
    ({ surface }) => !isSplit || (surface.audience === "operators") === (listener === "operators"),
  );
  const browserRouter = createRouter(rows);
  const programRouter = createRouter(rows.filter(({ surface }) => surface.audience !== "browsers"));
  const warnAboutProxy = createProxyWarning(services, listener);
  return (request, peer) => {
    const startedAt = services.now();
    const arrival = arrive(request, peer, { services, listener, router: browserRouter });
    warnAboutProxy(arrival);
    const find = arrival.representation.format === "page" ? browserRouter : programRouter;
    let stage: Arrival = arrival;
    const reach: Reach = (next) => {
      stage = next;
      return next;
    };
    const send = (reply: Reply, problem: ProblemCode | null = reply.problem) => {
      finish(stage, reply);
      logRequest(stage, reply, { ms: services.now() - startedAt, problem });
      return reply.response;
    };
    const sendError = async (error: unknown) => {
      const problem = problemOf(error, stage);
      return send(await errorResponse(stage, problem), problem.code);
    };
    try {
      const reply = answer(arrival, find, reach);
      return reply instanceof Promise ? reply.then(send, sendError) : send(reply);
    } catch (error) {
      return sendError(error);
    }
  };
}

/** Notes the stage that a request has reached: an error is answered from there. */
type Reach = <S extends Arrival>(next: S) => S;

/** The stages of a request. The checks come in Django's order: the first that objects answers. */
function answer(arrival: Arrival, find: Arrival["router"], reach: Reach): MaybePromise<Reply> {
  const { request, target, peer } = arrival;
  const path = requestPath(target, peer.path);
  const match = path === null ? undefined : find(path);
  const { hosts } = match?.endpoint.surface ?? API;
  if (match !== undefined && hosts === "any") return answerOps({ ...arrival, ...match }, reach);
  if (hosts !== "own_or_proxy" || !isFromProxy(arrival)) requireHost(arrival);
  if (path === null) throw new Problem("not_found");
  if (match === undefined) {
    if (find(`${path}/`) === undefined) throw new Problem("not_found");
    return redirectToSlash(`${path}/`, target.query, request.method);
  }
  const { endpoint, parameters } = match;
  const { surface, allow } = endpoint;
  const representation = surface.audience === "programs" ? COMPACT_JSON : arrival.representation;
  const routed = reach<Routed>({ ...arrival, endpoint, parameters, representation });
  if (!surface.readsSession) return dispatch({ ...routed, auth: UNREAD });
  if (surface.checksOrigin && isTrustedPreflight(routed)) return preflight(allow);
  if (surface.negotiates && routed.unacceptable !== null) throw new Problem(routed.unacceptable);
  return andThen(authenticate(routed, surface.readsGroups), (auth) => {
    const context = reach<Authenticated>({ ...routed, auth });
    return surface.checksOrigin ? andThen(requireOwnOrigin(context), () => dispatch(context)) : dispatch(context);
  });
}

/** For a surface that reads no session. */
const UNREAD: Anonymous = { level: "anonymous", staleCookie: false };

/** A probe may use any Host. If the guard denies it, the Host is checked before the denial, as for an unknown path. */
async function answerOps(routed: Routed, reach: Reach): Promise<Reply> {
  const context = { ...routed, auth: UNREAD };
  try {
    for (const { guard } of routed.endpoint.routes) await guard(context);
  } catch (error) {
    requireHost(routed);
    throw error;
  }
  reach(routed);
  return dispatch(context);
}

function dispatch(context: Authenticated): MaybePromise<Reply> {
  const route = routeFor(context.endpoint, context.request.method);
  return route ? route.answer(context) : answerOtherMethod(context);
}

async function answerOtherMethod(context: Authenticated): Promise<Reply> {
  const { endpoint, request } = context;
  // A client that the guard of the first row denies does not learn the methods.
  await endpoint.routes[0]?.guard(context);
  if (request.method === "OPTIONS") return describe(context, endpoint);
  throw new Problem("method_not_allowed", { method: request.method });
}

/** Denies a malformed Host, and any other host than the public origin's if that is known (host header attacks). */
function requireHost({ client: { host }, services: { config } }: Arrival): void {
  if (host !== null && !isHost(host)) throw new Problem("bad_host");
  if (config.ownHosts !== null && !config.ownHosts.includes(host?.toLowerCase() ?? "")) throw new Problem("bad_host");
}

function isTrustedPreflight(context: Routed): boolean {
  const { method, headers } = context.request;
  return method === "OPTIONS" && headers.has("access-control-request-method") && trustedOrigin(context) !== null;
}

const PROXY_REMARK =
  "The headers of a reverse proxy are ignored: POSTERN_TRUSTED_PROXIES does not name it. If it is yours, add its address.";

/** Logs the first request whose proxy headers are ignored. */
function createProxyWarning({ log }: Services, listener: Listener): (arrival: Arrival) => void {
  let isDone = listener === "operators";
  return ({ client, peer }) => {
    if (isDone || !client.isProxyIgnored) return;
    isDone = true;
    log("warning", "proxy_not_trusted", { peer: peer.address, remark: PROXY_REMARK });
  };
}
