import type { Lifetime } from "../../db/sessions.ts";
import type { Services } from "../services.ts";

/** What a session needs to be alive at this moment. */
export function lifetime({ config, now }: Pick<Services, "config" | "now">): Lifetime {
  return { now: now(), idleMs: config.sessionIdleSeconds * 1000 };
}
