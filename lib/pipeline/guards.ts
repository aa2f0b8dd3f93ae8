import { isSetupTokenGood } from "../../db/setup-tokens.ts";
import { hasUsers } from "../../db/users.ts";
import type { Context, MemberContext, NewcomerContext } from "../context.ts";
import { hashToken } from "../crypto/token.ts";
import { queryValue } from "../http/address.ts";
import { isForwarded, isLocalHost, isLoopback, parseAddress } from "../http/client-address.ts";
import { Problem } from "../http/problem.ts";

/** Everybody, with a session or without. */
export function anyone(context: Context): Context {
  return context;
}

/** Who has a live session. @throws Problem not_authenticated */
export function member(context: Context): MemberContext {
  if (!isMember(context)) throw new Problem("not_authenticated");
  return context;
}

function isMember(context: Context): context is MemberContext {
  return context.current !== null;
}

/**
 * Whoever has the link that `serve` prints while there are no users. Once there is one, it is as if there were nothing.
 *
 * @throws Problem not_found
 */
export async function newcomer(context: Context): Promise<NewcomerContext> {
  const { db, now } = context.services;
  const setupToken = queryValue(context.target, "token") ?? "";
  const isGood = await isSetupTokenGood(db, hashToken(setupToken), now());
  if (!isGood || (await hasUsers(db))) throw new Problem("not_found");
  return Object.assign(context, { setupToken });
}

/** Whoever watches whether the server is well: everybody who reaches the listener that answers them. */
export function probe(context: Context): Context {
  return context;
}

/**
 * Programs that watch the server: everything that comes by the operators' listener. By the public one only a program on
 * this machine that names this machine as its Host. If a proxy's header is there, the proxy speaks for another client.
 * If the Host is another name, a browser here may have been led to it by a page (DNS rebinding).
 *
 * @throws Problem not_found, as if there were no such endpoint
 */
export function operator(context: Context): Context {
  const { entrance, peer, request } = context;
  if (entrance === "operators") return context;
  const isLocal = isLoopback(parseAddress(peer.address) ?? "") && isLocalHost(request.headers.get("host"));
  if (isLocal && !isForwarded(request.headers)) return context;
  throw new Problem("not_found");
}
