import type { User } from "../../db/users.ts";
import type { Config } from "../config/config.ts";

/** The days for which a browser can be remembered; 0 if it cannot. With POSTERN_THROTTLE=off no browser is known. */
export function trustDays({ throttle, trustBrowserDays }: Pick<Config, "throttle" | "trustBrowserDays">): number {
  return throttle ? trustBrowserDays : 0;
}

/** Whether the settings demand a second factor of a user who has none. */
export function needsSetUp(
  { requireSecondFactor }: Pick<Config, "requireSecondFactor">,
  { hasSecondFactor, isStaff, isSuperuser }: User,
): boolean {
  if (hasSecondFactor || requireSecondFactor === "off") return false;
  return requireSecondFactor === "all" || isStaff || isSuperuser;
}
