import type { Context } from "../context.ts";
import { json } from "../pipeline/responses.ts";

/** `GET /healthz`: 200 as long as this process answers at all. It asks nothing else: a restart mends no database. */
export function alive(context: Context): Response {
  return json(context, { status: "ok" });
}
