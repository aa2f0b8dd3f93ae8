import { type Html, html } from "../http/html.ts";
import type { FormCode } from "../http/problem.ts";
import { type FormDefinition, type FormState, form } from "./form.ts";
import { type Frame, layout } from "./layout.ts";

export interface DeleteAccountProps {
  form: FormDefinition<"password">;
  state: FormState;
  /** Why the account cannot be deleted; null if it can. */
  obstacle: FormCode | null;
}

export function deleteAccountPage(frame: Frame, { form: definition, state, obstacle }: DeleteAccountProps): Html {
  const { words, member } = frame;
  // Password managers find the password by the username.
  const extras = { focus: "password", username: member?.username ?? null };
  const body =
    obstacle === null
      ? html`<p class="lead">${words.deletionAbout}</p>
<ul>${words.deletionConsequences.map((text) => html`<li>${text}</li>`)}</ul>
<p><a href="/account/export/">${words.downloadDataFirst}</a></p>
${form(frame, definition, state, extras)}`
      : html`<p>${words.errors.form[obstacle]}</p>
<p><a class="button quiet" href="/profile/">${words.profile}</a></p>`;
  return layout(frame, words.deleteAccount, body);
}
