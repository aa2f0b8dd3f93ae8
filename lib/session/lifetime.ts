import type { Lifetime } from "../../db/sessions.ts";
import type { Services } from "../services.ts";

/** The limits that decide whether a session is alive now. */
export function lifetime({ config, now }: Pick<Services, "config" | "now">): Lifetime {
  return { now: now(), idleMs: config.sessionIdleSeconds * 1000 };
}
