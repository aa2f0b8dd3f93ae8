import { isForwarded, isLoopback, parseAddress } from "./client.ts";
import type { Context, MemberContext } from "./context.ts";
import { Problem } from "./problem.ts";

/** Everybody, with a session or without. */
export function anyone(context: Context): Context {
  return context;
}

/** Who has a live session. @throws Problem not_authenticated */
export function member(context: Context): MemberContext {
  const { current } = context;
  if (current === null) throw new Problem("not_authenticated");
  return { ...context, current };
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
