import { type Html, html } from "../http/html.ts";
import { type FormDefinition, type FormState, form } from "./form.ts";
import { type Frame, layout } from "./layout.ts";
import type { Words } from "./messages/messages.ts";
import { passkeyButton } from "./passkeys.ts";

export interface LoginProps {
  form: FormDefinition<"username" | "password">;
  state: FormState<"username" | "password">;
  /** The path or URL to go to afterwards; null for the default page. */
  next: string | null;
  /** Whether the database has no user yet. */
  needsSetUp: boolean;
  /** Whether a link for a new password can be sent. */
  mayReset: boolean;
  /** Whether everyone may sign up. */
  maySignUp: boolean;
  /** Whether the button for passkeys is there. */
  hasPasskeys: boolean;
}

export function loginPage(frame: Frame, props: LoginProps): Html {
  const { form: definition, state, next, needsSetUp, mayReset, maySignUp, hasPasskeys } = props;
  const { words, siteName } = frame;
  // The page does not say whether the username exists, so the password is the likely field to correct.
  const isDenied = state.validationErrors.form.length > 0 && (state.values.username ?? "") !== "";
  const purpose = next === null ? null : html`<p class="lead">${purposeOf(words, next)}</p>`;
  const body = html`${purpose}${needsSetUp && setUpHelp(words)}
${form(frame, definition, state, { hidden: { next }, focus: isDenied ? "password" : "username" })}
${hasPasskeys && passkeyButton(frame, { deed: "login", next, place: "after" })}
${
  (mayReset || maySignUp) &&
  html`<p class="ways">${mayReset && html`<a href="/password/reset/">${words.forgotPassword}</a>`}
${maySignUp && html`<a href="/signup/">${words.signUp}</a>`}</p>`
}`;
  return layout(frame, words.logInTo(siteName), body);
}

/** Names the page that the login leads to, if it is one of these. Another path may belong to any application. */
function purposeOf(words: Words, next: string): string {
  const [path = ""] = next.split("?", 1);
  const names = new Map([
    ["/sessions/", words.sessions],
    ["/activity/", words.activity],
    ["/profile/", words.profile],
    ["/password/change/", words.changePassword],
  ]);
  const name = names.get(path);
  return name === undefined ? words.logInToContinue : words.logInToContinueTo(name);
}

function setUpHelp(words: Words): Html {
  return html`<div class="notice"><p><strong>${words.noUsers}</strong></p>
<p>${words.noUsersLink}</p><p>${words.noUsersCommand} <code>createsuperuser</code></p></div>`;
}
