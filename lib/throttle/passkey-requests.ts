import type { User } from "../../db/users.ts";
import type { Authenticated } from "../context.ts";
import { Problem } from "../http/problem.ts";
import { countAttempt } from "./counts.ts";
import { type FactorAttempt, uncountedAttempt } from "./factor-attempts.ts";
import { requestLimitsOf } from "./limits.ts";
import { recordRejected } from "./rejected.ts";

/** What `passkeyRequests` adds to a context. */
export interface PasskeyThrottled {
  /** Counts a request by its networks, on this node and every other. @throws Problem throttled */
  readonly countPasskeyRequest: () => Promise<void>;
  /** See rejected.ts. */
  readonly recordRejected: (user: User | null, kind: "login_failed" | "second_factor_failed") => Promise<void>;
  /** The attempt of a user whose passkey was right, to end by its success. */
  readonly passkeyAttempt: (user: User) => Promise<Pick<FactorAttempt, "isNewDevice" | "succeed">>;
}

/** The throttle of rows about passkeys. A passkey cannot be guessed, so only the requests of a network are limited. */
export function passkeyRequests<C extends Authenticated>(context: C): C & PasskeyThrottled {
  return {
    ...context,
    countPasskeyRequest: () => count(context),
    recordRejected: (user, kind) => recordRejected(context, user, kind),
    passkeyAttempt: (user) => uncountedAttempt(context, user),
  };
}

/** @throws Problem throttled */
async function count(context: Authenticated): Promise<void> {
  const { services } = context;
  if (!services.config.throttle) return;
  const { waitMs } = await countAttempt(services, { requests: requestLimitsOf(context), failures: [] });
  if (waitMs !== null) throw new Problem("throttled", { seconds: Math.max(1, Math.ceil(waitMs / 1000)) });
}
