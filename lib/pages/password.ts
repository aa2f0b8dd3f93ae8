import { type Html, html } from "../http/html.ts";
import { form, type Mistakes } from "./form.ts";
import { type Frame, layout } from "./layout.ts";

export function passwordPage(frame: Frame, mistakes: Mistakes): Html {
  const { words, member } = frame;
  const fields = [
    { name: "current_password", label: words.currentPassword, type: "password", autocomplete: "current-password" },
    { name: "new_password", label: words.newPassword, type: "password", autocomplete: "new-password" },
  ] as const;
  const body = html`<p>${words.passwordAbout}</p>
${form(frame, {
  action: "/password/change/",
  fields,
  button: words.changePassword,
  mistakes,
  focus: "current_password",
  // For password managers, which keep passwords by username.
  username: member?.username ?? null,
})}`;
  return layout(frame, words.changePassword, body);
}
