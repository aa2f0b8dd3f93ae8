import type { Routed } from "../context.ts";
import type { Reply } from "../pipeline/reply.ts";
import { json } from "../pipeline/responses.ts";

/** `GET /healthz`: 200 if this process answers. Does not ask the database: a restart would not repair it. */
export function alive(context: Routed): Reply {
  return json(context, { status: "ok" });
}
