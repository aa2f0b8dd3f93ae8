import type { Authenticated } from "../context.ts";
import { negotiate } from "../http/negotiate.ts";
import { PROBLEMS, Problem } from "../http/problem.ts";
import { isHost } from "../http/target.ts";
import { requireOriginalOrigin } from "../pipeline/csrf.ts";
import { andThen, type MaybePromise } from "../pipeline/maybe-promise.ts";
import { type Reply, reply } from "../pipeline/reply.ts";
import { json } from "../pipeline/responses.ts";
import { type Conditions, type Denial, findDenial, readAskedConditions, readConditions } from "./conditions.ts";
import { ANONYMOUS, identityOf, requireNoLookalike, setIdentityHeaders } from "./identity.ts";
import { helpUrl, pageUrl, returnUrl } from "./login-url.ts";
import {
  fromEnvoy,
  fromForwardedHeaders,
  fromNginx,
  type OriginalRequest,
  type ReadOriginal,
} from "./original-request.ts";

/**
 * `GET /auth/`: the user who is logged in, for back ends. The query has the conditions.
 *
 * @returns 200 with an Identity; 401 not_authenticated; 403 with one of the other codes of `Denial`
 * @throws Problem unknown_condition, invalid_condition
 */
export function whoAsks(context: Authenticated): MaybePromise<Reply> {
  const { auth, services, target } = context;
  const conditions = readConditions(target.query);
  const audience = conditions.audience ?? ownOrigin(context);
  requireKnownAudience(context, audience);
  const denial = findDenial(auth, conditions, services.now());
  if (denial !== null) return deny(context, denial, helpUrl(context, denial, conditions, null));
  const identity = auth.level === "full" ? identityOf(auth) : ANONYMOUS;
  return identify(context, audience, json(context, identity));
}

/** A script on the page of one application must not get an assertion for any other. */
function requireKnownAudience(context: Authenticated, audience: string): void {
  if (audience === ownOrigin(context) || context.services.config.trustedOrigins.has(audience)) return;
  throw new Problem("invalid_condition", { name: "aud", expected: "PUBLIC_URL, or one of POSTERN_TRUSTED_ORIGINS" });
}

/** How one proxy asks, and how it takes a denial. */
interface Dialect {
  readOriginal: ReadOriginal;
  readConditions: (context: Authenticated, original: OriginalRequest) => Conditions;
  /** The status that leads a browser to the login. */
  redirectStatus: 303 | 401;
}

const fromQuery = ({ target }: Authenticated, { path }: OriginalRequest) => readAskedConditions(target.query, path);

/** `auth_request` takes 2xx, 401 and 403 alone. The configuration turns a 401 with `Location` into a redirect. */
export const nginxAuth = forwardAuth({ readOriginal: fromNginx, readConditions: fromQuery, redirectStatus: 401 });

/** For Caddy, Traefik and HAProxy: they send the same headers, and pass a denial on unchanged. */
export const forwardedAuth = forwardAuth({
  readOriginal: fromForwardedHeaders,
  readConditions: fromQuery,
  redirectStatus: 303,
});

/** The query is that of the original request, so the conditions are in a header. */
export const envoyAuth = forwardAuth({
  readOriginal: fromEnvoy,
  readConditions: ({ request }) => readConditions(request.headers.get("postern-conditions") ?? ""),
  redirectStatus: 303,
});

/**
 * Answers a proxy that asks before each request to an application.
 *
 * @returns 200 with the identity headers; 401 or 403 in JSON; for a browser that navigates, a redirect to the page
 *   that helps
 * @throws Problem lookalike_header, forwarded_header, unknown_condition, invalid_condition; csrf_site, csrf_origin,
 *   csrf_cookie, csrf_token
 */
function forwardAuth(dialect: Dialect): (context: Authenticated) => MaybePromise<Reply> {
  return (context) => {
    requireNoLookalike(context.request.headers);
    const original = dialect.readOriginal(context);
    const conditions = dialect.readConditions(context, original);
    if (conditions.checksOrigin) requireOriginalOrigin(context, original);
    const denial = findDenial(context.auth, conditions, context.services.now());
    if (denial !== null) return denyOriginal(context, { original, conditions, denial, dialect });
    const { headers } = context.endpoint;
    return identify(context, conditions.audience ?? original.origin, reply(new Response(null, { headers }), PREPARED));
  };
}

const PREPARED = { isPrepared: true };

interface DeniedOriginal {
  original: OriginalRequest;
  conditions: Conditions;
  denial: Denial;
  dialect: Dialect;
}

function denyOriginal(context: Authenticated, { original, conditions, denial, dialect }: DeniedOriginal): Reply {
  if (denial === "permission_denied" || !isNavigation(original, context.request.headers)) {
    return deny(context, denial, helpUrl(context, denial, conditions, null));
  }
  const location = helpUrl(context, denial, conditions, returnUrl(context.services.config, original));
  if (dialect.redirectStatus === 303) {
    return reply(new Response(null, { status: 303, headers: { Location: location } }), { problem: denial });
  }
  const denied = deny(context, denial, location, 401);
  denied.response.headers.set("Location", location);
  return denied;
}

/** JSON that a program understands. A 401 must name a scheme (RFC 9110 §15.5.2); this one is from draft-broyer-http-cookie-auth-00. */
function deny(
  context: Authenticated,
  denial: Denial,
  url: string,
  status = denial === "not_authenticated" ? 401 : 403,
): Reply {
  const body = { detail: PROBLEMS[denial].detail, code: denial };
  const withLogin = denial === "permission_denied" ? body : { ...body, login_url: url };
  const denied = json(context, withLogin, status);
  if (status === 401)
    denied.response.headers.set("WWW-Authenticate", `Cookie form-action="${pageUrl(context, "/login/", {})}"`);
  return { ...denied, problem: denial };
}

function identify(context: Authenticated, audience: string, answer: Reply): MaybePromise<Reply> {
  const { auth, services } = context;
  const finish = (assertion: string) => {
    setIdentityHeaders(answer.response.headers, auth, assertion);
    return answer;
  };
  if (auth.level !== "full") return finish("");
  const { session, user } = auth;
  const facts = { session, user, groups: auth.groups ?? [], audience, issuer: ownOrigin(context) };
  return andThen(services.assertions.sign(facts), finish);
}

/** PUBLIC_URL, else the origin that the request names. */
function ownOrigin({ services: { config }, client }: Authenticated): string {
  if (config.publicUrl !== null) return config.publicUrl;
  const { host, isHttps } = client;
  return host !== null && isHost(host) ? `${isHttps ? "https" : "http"}://${host.toLowerCase()}` : "";
}

/** A person waits for a page. A script, an image, an event stream or a WebSocket cannot follow a redirect to a login. */
function isNavigation({ method }: OriginalRequest, headers: Headers): boolean {
  if (method !== "GET" && method !== "HEAD") return false;
  const mode = headers.get("sec-fetch-mode");
  if (mode !== null) return mode === "navigate";
  if (headers.has("sec-websocket-key")) return false;
  const negotiated = negotiate(headers.get("accept"), null);
  return typeof negotiated !== "string" && negotiated.format === "page";
}
