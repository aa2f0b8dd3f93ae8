import type { User } from "../../db/users.ts";
import type { Config } from "../config/config.ts";

/** Whether the settings demand a second factor of a user who has none. */
export function needsSetUp(
  { requireSecondFactor }: Pick<Config, "requireSecondFactor">,
  { hasSecondFactor, isStaff, isSuperuser }: User,
): boolean {
  if (hasSecondFactor || requireSecondFactor === "off") return false;
  return requireSecondFactor === "all" || isStaff || isSuperuser;
}
