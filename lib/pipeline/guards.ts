import type { Arrival, Authenticated, UserContext } from "../context.ts";
import { isForwarded, isLocalHost, isLoopback, parseAddress, parsePeer } from "../http/client-address.ts";
import { Problem, type ProofMethod } from "../http/problem.ts";
import { requireLiveSession } from "../session/authorized.ts";
import { isLoggedInWithin, isProvedWithin, lacksSecondFactor } from "../session/proof-age.ts";
import { proofMethods, secondFactorProofs } from "../users/factor-methods.ts";
import { relyingPartyOf } from "./relying-party.ts";

/** Every client. */
export function anyone(context: Authenticated): Authenticated {
  return context;
}

/** A user who is logged in. @throws Problem not_authenticated; second_factor_setup_required if the settings demand one */
export function authenticated(context: Authenticated): UserContext {
  if (isFull(context)) return context;
  if (context.auth.level === "enrolling") throw new Problem("second_factor_setup_required", setUpMethods(context));
  throw new Problem("not_authenticated");
}

function isFull(context: Authenticated): context is UserContext {
  return context.auth.level === "full";
}

/** A user who is logged in, also one who has to set up a second factor first. @throws Problem not_authenticated */
export function authenticatedForSetUp(context: Authenticated): UserContext {
  const { auth } = context;
  if (auth.level === "anonymous") throw new Problem("not_authenticated");
  return { ...context, auth: { ...auth, level: "full" } };
}

/** The second factors that a user can set up. */
export function setUpMethods(context: Authenticated): ProofMethod[] {
  return relyingPartyOf(context) === null ? ["totp"] : ["totp", "passkey"];
}

/**
 * A user who has proved to be present within POSTERN_RECENT_LOGIN_SECONDS.
 *
 * @throws Problem not_authenticated, second_factor_setup_required, recent_login_required
 */
export async function recent(context: Authenticated): Promise<UserContext> {
  const admitted = authenticated(context);
  await requireRecent(admitted);
  return admitted;
}

/** The same, also for a user who has to set up a second factor first. @throws Problem not_authenticated, recent_login_required */
export async function recentForSetUp(context: Authenticated): Promise<UserContext> {
  const admitted = authenticatedForSetUp(context);
  await requireRecent(admitted);
  return admitted;
}

/**
 * For a handler in which only some requests need it. If the user has a second factor, the session must have proved one: else
 * the password alone could replace it (NIST SP 800-63B-4 §4.1.2).
 *
 * @throws Problem recent_login_required, with the ways to prove it; not_authenticated if the session has ended meanwhile
 */
export async function requireRecent(context: UserContext): Promise<void> {
  const { services, auth } = context;
  const lacksFactor = lacksSecondFactor(auth);
  if (!lacksFactor && isProvedWithin(auth.session, services.config.recentLoginSeconds, services.now())) return;
  await requireLiveSession(context); // It may have ended since the head of the request arrived.
  const findMethods = lacksFactor ? secondFactorProofs : proofMethods;
  throw new Problem("recent_login_required", await findMethods(context, auth.user));
}

/** A day. */
const FRESH_LOGIN_SECONDS = 86_400;

/**
 * A user who has logged in within a day, or proved to be present as for `recent`. A thief of an old session must not end
 * the owner's, and an owner in a hurry has just logged in.
 *
 * @throws Problem not_authenticated, second_factor_setup_required, recent_login_required
 */
export async function freshLogin(context: Authenticated): Promise<UserContext> {
  const admitted = authenticated(context);
  await requireFreshLogin(admitted);
  return admitted;
}

/** For a handler in which only some requests need it. @throws Problem recent_login_required */
export async function requireFreshLogin(context: UserContext): Promise<void> {
  const { services, auth } = context;
  if (isLoggedInWithin(auth.session, FRESH_LOGIN_SECONDS, services.now())) return;
  await requireRecent(context);
}

/** A user who is logged in, if users can delete their accounts. @throws Problem not_found, not_authenticated */
export function deletionEnabled(context: Authenticated): UserContext {
  if (!context.services.config.accountDeletion) throw new Problem("not_found");
  return authenticated(context);
}

/**
 * A user as for `recent`, if no page of another site has caused the request. Such a page could use up the exports, and
 * fill the disk of its visitor with files.
 *
 * @throws Problem not_authenticated, second_factor_setup_required, csrf_site, recent_login_required
 */
export async function recentDownload(context: Authenticated): Promise<UserContext> {
  const admitted = authenticated(context);
  const site = context.request.headers.get("sec-fetch-site");
  if (site === "cross-site") throw new Problem("csrf_site", { site });
  await requireRecent(admitted);
  return admitted;
}

/**
 * A reverse proxy in front of an application. Only it may say which request it asks about.
 *
 * @throws Problem proxy_not_trusted
 */
export function trustedProxy(context: Authenticated): Authenticated {
  if (!isFromProxy(context)) throw new Problem("proxy_not_trusted");
  return context;
}

/** Whether the connection comes from a trusted proxy, or from this machine. */
export function isFromProxy({ peer, services: { config } }: Arrival): boolean {
  const address = parsePeer(peer.address);
  return isLoopback(address) || config.trustedProxies.has(address);
}

/** A program that watches the server, from any address. */
export function probe(context: Authenticated): Authenticated {
  return context;
}

/**
 * A program that watches the server. It comes by the operators' listener. By the public listener it must run on this
 * machine and name this machine as its Host. If a proxy's header is there, the proxy speaks for another client. If the
 * Host is another name, a page may have led a browser on this machine to it (DNS rebinding).
 *
 * @throws Problem not_found, as if the endpoint did not exist
 */
export function opsOnly(context: Authenticated): Authenticated {
  const { listener, peer, request } = context;
  if (listener === "operators") return context;
  const { headers } = request;
  const isLocal = isLoopback(parseAddress(peer.address) ?? "") && isLocalHost(headers.get("host"));
  if (isLocal && isLocalHost(hostOf(request.url)) && !isForwarded(headers)) return context;
  throw new Problem("not_found");
}

/** The host of the target: that of the Host header, unless the target is an absolute URL (RFC 9112 §3.2.2). */
function hostOf(url: string): string | null {
  return URL.canParse(url) ? new URL(url).host : null;
}
