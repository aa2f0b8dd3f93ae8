import type { Html } from "../http/html.ts";
import { form, type Mistakes } from "./form.ts";
import { type Frame, layout } from "./layout.ts";

export interface LoginProps {
  username: string;
  /** Where to go afterwards, a path of ours; null for the profile. */
  next: string | null;
  mistakes: Mistakes;
}

export function loginPage(frame: Frame, { username, next, mistakes }: LoginProps): Html {
  const { words } = frame;
  const fields = [
    { name: "username", label: words.username, value: username, autocomplete: "username" },
    { name: "password", label: words.password, type: "password", autocomplete: "current-password" },
  ] as const;
  // The name is right as far as anybody is told: what is to be typed again is the password.
  const isRefused = mistakes.form.length > 0 && username !== "";
  return layout(
    frame,
    words.logIn,
    form(frame, {
      action: "/login/",
      fields,
      button: words.logIn,
      mistakes,
      hidden: { next },
      focus: isRefused ? "password" : "username",
    }),
  );
}
