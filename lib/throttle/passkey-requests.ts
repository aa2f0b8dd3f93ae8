import type { User } from "../../db/users.ts";
import { recordAttempt } from "../audit/audit-log.ts";
import type { Authenticated } from "../context.ts";
import { Problem } from "../http/problem.ts";
import { countAttempt } from "./counts.ts";
import { type FactorAttempt, uncountedAttempt } from "./factor-attempts.ts";
import { passkeyFailuresOf, requestLimitsOf } from "./limits.ts";
import type { Limits } from "./rules.ts";

/** What `passkeyRequests` adds to a context. */
export interface PasskeyThrottled {
  /** Counts a request by its networks, on this node and every other. @throws Problem throttled */
  readonly countPasskeyRequest: () => Promise<void>;
  /**
   * A passkey was not accepted: an event, unless its networks have caused many. Otherwise a flood would fill the disk. The
   * passkeys that are accepted do not wait.
   *
   * @param user null if the passkey has not proved to be a user's
   * @throws Problem throttled
   */
  readonly recordRejected: (user: User | null, kind: "login_failed" | "second_factor_failed") => Promise<void>;
  /** The attempt of a user whose passkey was right, to end by its success. */
  readonly passkeyAttempt: (user: User) => Promise<Pick<FactorAttempt, "isNewDevice" | "succeed">>;
}

/** The throttle of rows about passkeys. A passkey cannot be guessed, so only the requests of a network are limited. */
export function passkeyRequests<C extends Authenticated>(context: C): C & PasskeyThrottled {
  return {
    ...context,
    countPasskeyRequest: () => count(context, { requests: requestLimitsOf(context), failures: [] }),
    recordRejected: async (user, kind) => {
      await count(context, { requests: [], failures: passkeyFailuresOf(context) });
      await recordAttempt(context, user, kind);
    },
    passkeyAttempt: (user) => uncountedAttempt(context, user),
  };
}

/** @throws Problem throttled */
async function count({ services }: Authenticated, limits: Limits): Promise<void> {
  if (!services.config.throttle) return;
  const { waitMs } = await countAttempt(services, limits);
  if (waitMs !== null) throw new Problem("throttled", { seconds: Math.max(1, Math.ceil(waitMs / 1000)) });
}
