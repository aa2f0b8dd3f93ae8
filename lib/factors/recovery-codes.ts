import { sessionActor } from "../audit/actor.ts";
import type { UserContext } from "../context.ts";
import { Problem } from "../http/problem.ts";
import { recoveryCodesPage } from "../pages/recovery-codes.ts";
import { setUpMethods } from "../pipeline/guards.ts";
import { page, wantsPage } from "../pipeline/page-responses.ts";
import type { Reply } from "../pipeline/reply.ts";
import { json } from "../pipeline/responses.ts";
import { authorizedData } from "../session/authorized.ts";
import { makeRecoveryCodes } from "../users/recovery-code-set.ts";

/**
 * `POST /security/recovery-codes/`: 201 and ten new codes, in place of the others. They are shown once.
 *
 * @throws Problem second_factor_setup_required if the user has no second factor; not_authenticated
 */
export async function newRecoveryCodes(context: UserContext): Promise<Reply> {
  await authorizedData(context);
  const codes = await makeRecoveryCodes(context.services, sessionActor(context), context.auth.user);
  if (codes === null) throw new Problem("second_factor_setup_required", setUpMethods(context));
  if (!wantsPage(context)) return json(context, { recovery_codes: codes }, 201);
  return page(context, (frame) => recoveryCodesPage(frame, codes));
}
