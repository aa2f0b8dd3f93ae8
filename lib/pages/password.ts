import { type Html, html } from "../http/html.ts";
import type { ValidationErrors } from "../http/problem.ts";
import { form } from "./form.ts";
import { type Frame, layout } from "./layout.ts";

export interface PasswordProps {
  /** The rules of a new password. */
  rule: PasswordRule;
  validationErrors: ValidationErrors;
}

/** The fewest characters of a password; null if the settings have no rule. */
export type PasswordRule = number | null;

export function passwordHint({ words }: Frame, rule: PasswordRule): string | null {
  return rule === null ? null : words.passwordRule(rule);
}

export function passwordPage(frame: Frame, { rule, validationErrors }: PasswordProps): Html {
  const { words, member } = frame;
  const hint = passwordHint(frame, rule);
  const fields = [
    { name: "current_password", label: words.currentPassword, type: "password", autocomplete: "current-password" },
    { name: "new_password", label: words.newPassword, type: "password", autocomplete: "new-password", hint },
  ] as const;
  const body = html`<p class="lead">${words.passwordAbout}</p>
${form(frame, {
  action: "/password/change/",
  fields,
  button: words.changePassword,
  validationErrors,
  focus: "current_password",
  // Password managers store passwords by username.
  username: member?.username ?? null,
  cancelUrl: "/profile/",
  keep: "current_password",
})}`;
  return layout(frame, words.changePassword, body);
}
