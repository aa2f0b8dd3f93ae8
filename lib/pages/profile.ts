import { type Html, html } from "../http/html.ts";
import { form, type Mistakes } from "./form.ts";
import { type Frame, layout } from "./layout.ts";
import { moment } from "./moment.ts";

export interface ProfileProps {
  username: string;
  email: string;
  firstName: string;
  lastName: string;
  /** Epoch milliseconds; null for never. */
  lastLogin: number | null;
  mistakes: Mistakes;
}

export function profilePage(frame: Frame, props: ProfileProps): Html {
  const { words } = frame;
  const { username, email, firstName, lastName, lastLogin, mistakes } = props;
  const fields = [
    { name: "first_name", label: words.firstName, value: firstName, autocomplete: "given-name", isOptional: true },
    { name: "last_name", label: words.lastName, value: lastName, autocomplete: "family-name", isOptional: true },
    { name: "email", label: words.email, value: email, type: "email", autocomplete: "email", isOptional: true },
  ] as const;
  const body = html`<dl class="facts">
<div><dt>${words.username}</dt><dd>${username}</dd></div>
<div><dt>${words.lastLogin}</dt><dd>${lastLogin === null ? words.noLogin : moment(frame, lastLogin)}</dd></div>
</dl>
<section aria-labelledby="details"><h2 id="details">${words.yourDetails}</h2>
${form(frame, { action: "/profile/", fields, button: words.save, mistakes })}</section>
<section aria-labelledby="password"><h2 id="password">${words.password}</h2>
<p>${words.passwordAbout}</p>
<p><a class="button quiet" href="/password/change/">${words.changePassword}</a></p></section>`;
  return layout(frame, words.profile, body);
}
