import type { UserContext } from "../context.ts";
import { hashToken } from "../crypto/token.ts";
import { countAttempt } from "./counts.ts";
import { SETUP_CODES } from "./rules.ts";

/** What `setupAttempts` adds to a context. */
export interface SetupThrottled {
  /**
   * Counts a code that was sent for a new authenticator app, on this node and every other, before it is checked.
   *
   * @returns `denied` if there were too many; `last` if the next one will be denied
   */
  readonly countCode: (token: string) => Promise<"granted" | "last" | "denied">;
}

/** The throttle of the row that checks the first code of an authenticator app. After five wrong ones, the setup begins again. */
export function setupAttempts<C extends UserContext>(context: C): C & SetupThrottled {
  return { ...context, countCode: (token) => countCode(context, token) };
}

async function countCode({ services }: UserContext, token: string): Promise<"granted" | "last" | "denied"> {
  if (!services.config.throttle) return "granted";
  const failures = [{ key: `setup:${hashToken(token)}`, rule: SETUP_CODES }];
  const { waitMs, changed } = await countAttempt(services, { requests: [], failures });
  if (waitMs !== null) return "denied";
  return changed.some(({ failures }) => failures >= SETUP_CODES.limit) ? "last" : "granted";
}
