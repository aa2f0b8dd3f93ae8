import type { Routed } from "../context.ts";
import type { Reply } from "../pipeline/reply.ts";
import { json } from "../pipeline/responses.ts";

/** `GET /healthz`: 200 as long as this process answers at all. It asks nothing else: a restart mends no database. */
export function alive(context: Routed): Reply {
  return json(context, { status: "ok" });
}
