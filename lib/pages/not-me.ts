import { type Html, html } from "../http/html.ts";
import { csrfField, type Frame, layout } from "./layout.ts";
import { type LinkFactsProps, linkFacts } from "./link-facts.ts";
import type { Template } from "./mail.ts";
import { MAIL_WORDS } from "./messages/messages.ts";

export interface NotMeProps extends LinkFactsProps {
  /** Of the link. The form sends it back. */
  token: string;
  /** The notice; undefined if it is unknown. */
  template: Template | undefined;
  /** The address that is restored; null if none is. */
  restores: string | null;
  /** Whether the user has a second factor. */
  hasFactor: boolean;
  /** Whether the account has another address by now. */
  isMoved: boolean;
}

/** The page of the link "this was not me": what the notice told, what the button does. */
export function notMePage(frame: Frame, props: NotMeProps): Html {
  const { words, member } = frame;
  const { token, template, restores, isMoved, hasFactor } = props;
  const about = isMoved ? words.notMeMoved : words.notMeAbout;
  const body = html`${template !== undefined && html`<p class="lead">${subjectOf(frame, template)}</p>`}
${linkFacts(frame, props, MAIL_WORDS[frame.language].labels.time)}
<p>${restores === null ? about : words.notMeRestores(restores)}</p>
${hasFactor && html`<p>${words.notMeFactors}</p>`}
<form method="post" action="/not-me/">${csrfField(member)}<input type="hidden" name="token" value="${token}"><button class="danger">${words.secureAccount}</button></form>`;
  return layout(frame, words.notMe, body);
}

/** What was done. */
export interface ReportedProps {
  /** Whether no link for a new password is sent. */
  isMoved: boolean;
  hasLostFactor: boolean;
  /** Whether a second factor is left. */
  hasFactor: boolean;
}

/** Afterwards. */
export function reportedPage(frame: Frame, { isMoved, hasLostFactor, hasFactor }: ReportedProps): Html {
  const { words } = frame;
  const factors = html`${hasLostFactor && html`<p>${words.factorsLost}</p>`}
${hasFactor && html`<p>${words.factorsLeft}</p>`}`;
  if (isMoved) {
    const body = html`${factors}
<p>${words.movedAbout(subjectOf(frame, "email_changed"))}</p>`;
    return layout(frame, words.allEnded, body);
  }
  const body = html`<p>${words.securedAbout}</p>
${factors}
<p class="hint">${words.securedHelp}</p>
<p><a class="button quiet" href="/password/reset/">${words.askForNewPassword}</a></p>`;
  return layout(frame, words.secured, body);
}

/** The subject of a mail, as a sentence. */
function subjectOf({ language, siteName }: Frame, template: Template): string {
  return MAIL_WORDS[language].mails[template].subject({ site: siteName });
}
