import type { User } from "../../db/users.ts";
import type { Config } from "../config/config.ts";

/** The days for which a browser can be remembered; 0 if it cannot. With POSTERN_THROTTLE=off no browser is known. */
export function trustDays({ throttle, trustBrowserDays }: Pick<Config, "throttle" | "trustBrowserDays">): number {
  return throttle ? trustBrowserDays : 0;
}

type Policy = Pick<Config, "requireSecondFactor">;

/** Whether the settings demand a second factor of a user, who may have one. */
export function demandsSecondFactor({ requireSecondFactor }: Policy, { isStaff, isSuperuser }: User): boolean {
  return requireSecondFactor === "all" || (requireSecondFactor === "staff" && (isStaff || isSuperuser));
}

/** Whether the settings demand a second factor of a user who has none. */
export function needsSetUp(config: Policy, user: User): boolean {
  return !user.hasSecondFactor && demandsSecondFactor(config, user);
}
