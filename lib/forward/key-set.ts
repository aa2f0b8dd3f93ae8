import type { Routed } from "../context.ts";
import { type Reply, reply } from "../pipeline/reply.ts";

/** A rotated key is known within five minutes. Until then, an application that meets an unknown key asks again. */
const CACHE_CONTROL = "public, max-age=300";

/** `GET /.well-known/jwks.json`: the keys that verify identity assertions (RFC 7517 §5). */
export function keySet({ services: { keys } }: Routed): Reply {
  const headers = { "Content-Type": "application/jwk-set+json", "Cache-Control": CACHE_CONTROL };
  return reply(new Response(JSON.stringify({ keys: keys.assertion.published }), { headers }));
}
