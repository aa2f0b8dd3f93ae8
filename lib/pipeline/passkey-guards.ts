import type { Authenticated, PendingContext, UserContext } from "../context.ts";
import { Problem } from "../http/problem.ts";
import { authenticatedForSetUp, recentForSetUp } from "./guards.ts";
import { pendingLogin } from "./pending-guard.ts";
import { type RelyingParty, relyingPartyOf } from "./relying-party.ts";

/** What a guard adds if passkeys are possible. */
export interface WithPasskeys {
  readonly relyingParty: RelyingParty;
}

/** Every client, if passkeys are possible. @throws Problem not_found */
export function passkeyEnabled(context: Authenticated): Authenticated & WithPasskeys {
  return withPasskeys(context);
}

/** The same at the second step of a login. @throws Problem not_found, login_expired */
export async function passkeyPending(context: Authenticated): Promise<PendingContext & WithPasskeys> {
  return withPasskeys(await pendingLogin(withPasskeys(context)));
}

/**
 * A user who is logged in, also one who has to set up a second factor first, if passkeys are possible.
 *
 * @throws Problem not_found, not_authenticated
 */
export function passkeyForSetUp(context: Authenticated): UserContext & WithPasskeys {
  return withPasskeys(authenticatedForSetUp(withPasskeys(context)));
}

/** The same, for a user who has just proved to be present. @throws Problem not_found, not_authenticated, recent_login_required */
export async function passkeyRecentForSetUp(context: Authenticated): Promise<UserContext & WithPasskeys> {
  return withPasskeys(await recentForSetUp(withPasskeys(context)));
}

function withPasskeys<C extends Authenticated>(context: C): C & WithPasskeys {
  const relyingParty = relyingPartyOf(context);
  if (relyingParty === null) throw new Problem("not_found");
  return { ...context, relyingParty };
}
