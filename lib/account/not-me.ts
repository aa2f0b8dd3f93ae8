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
  const { username, email } = requireUser(context);
  const restores = stored.purpose === "email_undo" ? sentTo : null;
  const isMoved = foldCase(email) !== foldCase(sentTo);
  return page(context, (frame) => notMePage(frame, { token, template, restores, isMoved, username, facts }));
}

/**
 * `POST /not-me/` with the `token` of a notice: 200 and whether a link for a new password is sent. Every session of the
 * user ends. This logs no client in.
 *
 * @throws Problem invalid_link
 */
export async function report(context: LinkContext): Promise<Reply> {
  const { services, request, link } = context;
  const language = mailLanguage(request.headers.get("accept-language"));
  const used = { stored: link.stored, user: requireUser(context) };
  const isResetSent = await reportTheft(services, visitorActor(context), used, language);
  if (!wantsPage(context)) return json(context, { reset_sent: isResetSent });
  return redirect(isResetSent ? "/not-me/done/" : "/not-me/done/?reset=no");
}

/** `GET /not-me/done/`: what to do next. */
export function showReported(context: Authenticated): Reply {
  return page(context, (frame) => reportedPage(frame, queryValue(context.target, "reset") === "no"));
}

/** The guard has found one: the token of each notice belongs to a user. */
function requireUser({ link: { user } }: LinkContext): User {
  if (user === null) throw new Problem("invalid_link");
  return user;
}
