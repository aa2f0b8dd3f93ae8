import { type Html, html } from "../http/html.ts";
import { type FormDefinition, type FormState, form } from "./form.ts";
import { type Frame, layout } from "./layout.ts";

export interface PasswordProps {
  form: FormDefinition<"current_password" | "new_password">;
  state: FormState;
  /** The fewest characters of a new password; null if the settings have no rule. */
  passwordRule: number | null;
}

export function passwordPage(frame: Frame, { form: definition, state, passwordRule }: PasswordProps): Html {
  const { words, member } = frame;
  // Password managers store passwords by username.
  const extras = { focus: "current_password", username: member?.username ?? null, passwordRule };
  const body = html`<p class="lead">${words.passwordAbout}</p>
${form(frame, definition, state, extras)}`;
  return layout(frame, words.changePassword, body);
}
