import { findTotp, summarizeFactors, type TotpFactor } from "../../db/factors.ts";
import { listPasskeys } from "../../db/passkeys.ts";
import type { UserContext } from "../context.ts";
import { queryValue } from "../http/target.ts";
import { type SecurityProps, securityPage, type TotpProps } from "../pages/security.ts";
import { setUpMethods } from "../pipeline/guards.ts";
import { page, redirectDone, wantsPage } from "../pipeline/page-responses.ts";
import { relyingPartyOf } from "../pipeline/relying-party.ts";
import type { Reply } from "../pipeline/reply.ts";
import { json, redirect } from "../pipeline/responses.ts";
import { passkeySignals } from "../users/passkey-options.ts";
import { MAX_PASSKEYS } from "../users/passkeys.ts";
import { demandsSecondFactor, trustDays } from "../users/second-factor-policy.ts";
import { totpOwner } from "../users/totp.ts";
import { MAX_NAME_CHARACTERS, passkeyProps, passkeyToJson } from "./passkeys.ts";

/** `GET /security/`: the user's second factors, and the number of recovery codes that are left. */
export async function security(context: UserContext): Promise<Reply> {
  const props = await securityOf(context);
  if (wantsPage(context)) return page(context, (frame) => securityPage(frame, props));
  const { totp, passkeys, recoveryCodes, isRequired } = props;
  return json(context, {
    totp: totp && timesToJson(totp),
    recovery_codes: recoveryCodes,
    passkeys: passkeys.map(passkeyToJson),
    second_factor_required: isRequired,
    methods_available: setUpMethods(context),
  });
}

/**
 * The address of a form whose answer is a page: a browser may load it again, or come back to it with a new proof. The
 * notice of that goes along.
 */
export function backToSecurity({ target }: UserContext): Reply {
  return queryValue(target, "done") === "proved" ? redirectDone("/security/", "proved") : redirect("/security/");
}

async function securityOf(context: UserContext): Promise<SecurityProps> {
  const { services, auth } = context;
  const { user } = auth;
  const factor = await findTotp(services.db, user.id);
  const passkeys = await listPasskeys(services.db, user.id);
  const relyingParty = relyingPartyOf(context);
  const { recoveryCodes } = await summarizeFactors(services.db, user.id);
  return {
    totp: factor && totpProps(context, factor),
    passkeys: passkeys.map(passkeyProps),
    passkeySetUp: {
      signals: relyingParty && passkeySignals(relyingParty, user, passkeys),
      mayAdd: passkeys.length < MAX_PASSKEYS,
      maxNameCharacters: MAX_NAME_CHARACTERS,
    },
    recoveryCodes,
    isRequired: demandsSecondFactor(services.config, user),
    hasTrust: trustDays(services.config) > 0,
  };
}

function totpProps({ services, auth }: UserContext, { secret, createdAt, lastUsedAt }: TotpFactor): TotpProps {
  return { createdAt, lastUsedAt, isReadable: services.keys.factors.open(secret, totpOwner(auth.user)) !== null };
}

/** Instants as Django REST Framework writes them: ISO 8601, in UTC. */
function timesToJson({ createdAt, lastUsedAt }: Pick<TotpProps, "createdAt" | "lastUsedAt">) {
  return {
    created_at: new Date(createdAt).toISOString(),
    last_used_at: lastUsedAt === null ? null : new Date(lastUsedAt).toISOString(),
  };
}
