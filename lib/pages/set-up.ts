import { type Html, html } from "../http/html.ts";
import { form, type Mistakes } from "./form.ts";
import { type Frame, layout } from "./layout.ts";

export interface SetUpProps {
  /** What the link carried: it goes back with the form. */
  token: string;
  username: string;
  email: string;
  mistakes: Mistakes;
}

export function setUpPage(frame: Frame, { token, username, email, mistakes }: SetUpProps): Html {
  const { words } = frame;
  const fields = [
    { name: "username", label: words.username, value: username, autocomplete: "username" },
    { name: "email", label: words.email, value: email, type: "email", autocomplete: "email", isOptional: true },
    { name: "password", label: words.password, type: "password", autocomplete: "new-password" },
  ] as const;
  const action = `/setup/?token=${encodeURIComponent(token)}`;
  const body = html`<p>${words.setUpAbout}</p>
${form(frame, { action, fields, button: words.createUser, mistakes, focus: "username" })}`;
  return layout(frame, words.setUp, body);
}
