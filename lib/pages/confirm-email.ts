import { type Html, html } from "../http/html.ts";
import { type FormDefinition, type FormState, form } from "./form.ts";
import { type Frame, layout } from "./layout.ts";
import { type LinkFactsProps, linkFacts } from "./link-facts.ts";

export interface ConfirmEmailProps extends LinkFactsProps {
  form: FormDefinition<never>;
  state: FormState<never>;
  /** The token of the link. The form sends it back. */
  token: string;
  username: string;
  /** The stored address that the new one replaces; empty for none. */
  replaced: string;
}

/** The page of the link to a new address. An attacker may have asked for it: the account must be plain to see. */
export function confirmEmailPage(frame: Frame, props: ConfirmEmailProps): Html {
  const { words } = frame;
  const { form: definition, state, token, username, replaced } = props;
  const body = html`<p class="lead">${words.confirmEmailAbout(username)}</p>
${linkFacts(frame, props, words.requestedAt)}
${replaced !== "" && html`<p>${words.confirmEmailReplaces(replaced)}</p>`}
<p>${words.confirmEmailWarning(username)}</p>
${form(frame, definition, state, { hidden: { token } })}`;
  return layout(frame, words.confirmEmail, body);
}
