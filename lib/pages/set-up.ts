import { type Html, html } from "../http/html.ts";
import { type FormDefinition, type FormState, form } from "./form.ts";
import { type Frame, layout } from "./layout.ts";

export interface SetUpProps {
  form: FormDefinition<"username" | "email" | "password">;
  state: FormState;
  /** The token of the link. The form sends it back. */
  token: string;
  /** The fewest characters of a new password; null if the settings have no rule. */
  passwordRule: number | null;
}

export function setUpPage(frame: Frame, { form: definition, state, token, passwordRule }: SetUpProps): Html {
  const { words, siteName } = frame;
  const body = html`<p class="lead">${words.setUpAbout}</p>
${form(frame, definition, state, { hidden: { token }, focus: "username", passwordRule })}`;
  return layout(frame, words.setUpSite(siteName), body);
}
