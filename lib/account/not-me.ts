import type { User } from "../../db/users.ts";
import { visitorActor } from "../audit/actor.ts";
import type { Authenticated, LinkContext } from "../context.ts";
import { Problem } from "../http/problem.ts";
import { queryValue } from "../http/target.ts";
import { mailLanguage } from "../pages/messages/messages.ts";
import { notMePage, reportedPage } from "../pages/not-me.ts";
import { page, wantsPage } from "../pipeline/page-responses.ts";
import type { Reply } from "../pipeline/reply.ts";
import { json, redirect } from "../pipeline/responses.ts";
import { foldCase } from "../users/email.ts";
import { report as reportTheft } from "../users/report.ts";

/** `GET /not-me/?token=…`: what the notice told, and the button. Nothing changes. */
export function showReport(context: LinkContext): Reply {
  const { token, stored, facts } = context.link;
  const { template, sentTo = "" } = facts;
  const { username, email, hasSecondFactor: hasFactor } = requireUser(context);
  const restores = stored.purpose === "email_undo" ? sentTo : null;
  const isMoved = foldCase(email) !== foldCase(sentTo);
  return page(context, (frame) => notMePage(frame, { token, template, restores, isMoved, hasFactor, username, facts }));
}

/**
 * `POST /not-me/` with the `token` of a notice: 200, whether a link for a new password is sent, and whether second factors
 * that were added since the notice are removed. Every session of the user ends. This logs no client in.
 *
 * @throws Problem invalid_link
 */
export async function report(context: LinkContext): Promise<Reply> {
  const { services, request, link } = context;
  const language = mailLanguage(request.headers.get("accept-language"));
  const used = { stored: link.stored, user: requireUser(context) };
  const { isResetSent, hasLostFactor, hasFactor } = await reportTheft(services, visitorActor(context), used, language);
  if (!wantsPage(context)) return json(context, { reset_sent: isResetSent, factors_removed: hasLostFactor });
  const done = [!isResetSent && "reset=no", hasLostFactor && "lost=yes", hasFactor && "left=yes"].filter(Boolean);
  return redirect(`/not-me/done/${done.length > 0 ? `?${done.join("&")}` : ""}`);
}

/** `GET /not-me/done/`: what to do next. */
export function showReported(context: Authenticated): Reply {
  const { target } = context;
  const isMoved = queryValue(target, "reset") === "no";
  const hasLostFactor = queryValue(target, "lost") === "yes";
  const hasFactor = queryValue(target, "left") === "yes";
  return page(context, (frame) => reportedPage(frame, { isMoved, hasLostFactor, hasFactor }));
}

/** The guard has found one: the token of each notice belongs to a user. */
function requireUser({ link: { user } }: LinkContext): User {
  if (user === null) throw new Problem("invalid_link");
  return user;
}
