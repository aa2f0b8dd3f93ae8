import type { User } from "../../db/users.ts";
import { recordAttempt } from "../audit/audit-log.ts";
import type { Arrival } from "../context.ts";
import { Problem } from "../http/problem.ts";
import { countAttempt } from "./counts.ts";
import { rejectedLimitsOf } from "./limits.ts";

/**
 * A passkey or a recovery code was not accepted: an event, unless its networks have caused many. Otherwise a flood would fill
 * the disk. The right ones do not wait.
 *
 * @param user null if a passkey has not proved to be a user's
 * @throws Problem throttled
 */
export async function recordRejected(
  context: Arrival,
  user: User | null,
  kind: "login_failed" | "second_factor_failed",
): Promise<void> {
  const { services } = context;
  if (services.config.throttle) {
    const { waitMs } = await countAttempt(services, { requests: [], failures: rejectedLimitsOf(context) });
    if (waitMs !== null) throw new Problem("throttled", { seconds: Math.max(1, Math.ceil(waitMs / 1000)) });
  }
  await recordAttempt(context, user, kind);
}
