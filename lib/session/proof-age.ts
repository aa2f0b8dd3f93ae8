import type { Session } from "../../db/sessions.ts";
import type { CurrentSession } from "../context.ts";

/**
 * The largest difference between the clocks of two nodes. A proof further in the future comes from a clock that was put
 * back since: nothing tells its age.
 */
const MAX_SKEW_MS = 10_000;

/** Whether the user of a session has proved to be present at most that long ago. */
export function isProvedWithin({ provedAt }: Pick<Session, "provedAt">, seconds: number, now: number): boolean {
  return isWithin(provedAt, seconds, now);
}

/** Whether the login of a session is at most that long ago. A proof does not renew it. */
export function isLoggedInWithin({ createdAt }: Pick<Session, "createdAt">, seconds: number, now: number): boolean {
  return isWithin(createdAt, seconds, now);
}

function isWithin(at: number, seconds: number, now: number): boolean {
  return now - at >= -MAX_SKEW_MS && now - at <= seconds * 1000;
}

/** Whether the session lacks the second factor that its user has. It is older than the factor, or of a remembered browser. */
export function lacksSecondFactor({ session, user }: Pick<CurrentSession, "session" | "user">): boolean {
  return user.hasSecondFactor && !session.amr.split(" ").includes("mfa");
}
