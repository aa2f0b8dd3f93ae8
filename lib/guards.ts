import { isSetupTokenGood } from "../db/setup-tokens.ts";
import { hasUsers } from "../db/users.ts";
import { isForwarded, isLoopback, parseAddress } from "./client.ts";
import type { Context, MemberContext, NewcomerContext } from "./context.ts";
import { hashToken } from "./crypto/token.ts";
import { queryValue } from "./http/address.ts";
import { Problem } from "./problem.ts";

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
 * Whoever may see how the server does: who comes in by the operators' listener, or else from this machine. A proxy on
 * this machine speaks for others, so what it passes on is refused, as if there were nothing.
 *
 * @throws Problem not_found
 */
export function operator(context: Context): Context {
  const { entrance, peer, request } = context;
  if (entrance === "operators") return context;
  if (isLoopback(parseAddress(peer.address) ?? "") && !isForwarded(request.headers)) return context;
  throw new Problem("not_found");
}
