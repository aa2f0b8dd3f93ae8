import { type Html, html } from "../http/html.ts";
import type { ValidationErrors } from "../http/problem.ts";
import { form } from "./form.ts";
import { type Frame, layout } from "./layout.ts";
import { type PasswordRule, passwordHint } from "./password.ts";

export interface SetUpProps {
  /** The token of the link. The form sends it back. */
  token: string;
  username: string;
  email: string;
  rule: PasswordRule;
  validationErrors: ValidationErrors;
}

export function setUpPage(frame: Frame, { token, username, email, rule, validationErrors }: SetUpProps): Html {
  const { words, siteName } = frame;
  const hint = passwordHint(frame, rule);
  const fields = [
    { name: "username", label: words.username, value: username, autocomplete: "username" },
    { name: "email", label: words.email, value: email, type: "email", autocomplete: "email", isOptional: true },
    { name: "password", label: words.password, type: "password", autocomplete: "new-password", hint },
  ] as const;
  const action = `/setup/?token=${encodeURIComponent(token)}`;
  const body = html`<p class="lead">${words.setUpAbout}</p>
${form(frame, { action, fields, button: words.createUser, validationErrors, focus: "username" })}`;
  return layout(frame, words.setUpSite(siteName), body);
}
