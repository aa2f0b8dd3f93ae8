import type { Authenticated, PendingContext } from "../context.ts";
import { Problem } from "../http/problem.ts";
import { findPresentedLogin } from "../session/pending-login.ts";

/** A client whose password was right less than 10 minutes ago, and whose second factor is missing. @throws Problem login_expired */
export async function pendingLogin(context: Authenticated): Promise<PendingContext> {
  const pending = await findPresentedLogin(context);
  if (pending === null) throw new Problem("login_expired");
  return { ...context, pending };
}
