import { type Html, html } from "../http/html.ts";
import type { ProblemStatus } from "../http/problem.ts";
import { type Frame, layout } from "./layout.ts";

export interface ProblemProps {
  status: ProblemStatus;
  /** Finds the request in the log. */
  requestId: string;
  /** The path to ask for again. */
  retryPath: string;
}

/** For a link that was used, has expired, or was replaced by a newer one. */
export function deadLinkPage(frame: Frame, next: "reset" | "signup" | "home"): Html {
  const { words } = frame;
  const { path, name } = {
    reset: { path: "/password/reset/", name: words.askForNewPassword },
    signup: { path: "/signup/", name: words.signUp },
    home: { path: "/", name: words.goHome },
  }[next];
  const body = html`<p>${words.deadLinkAbout}</p>
<p><a class="button quiet" href="${path}">${name}</a></p>`;
  return layout(frame, words.deadLink, body);
}

/** Why there is no other page, and the way on. */
export function problemPage(frame: Frame, { status, requestId, retryPath }: ProblemProps): Html {
  const { words } = frame;
  const [title, text] = words.errors.pages[status];
  const { path, name } = wayOn(frame, status, retryPath);
  const body = html`<p>${text}</p>
<p><a class="button quiet" href="${path}">${name}</a></p>
<p class="hint">${words.reference}: <code>${requestId}</code></p>`;
  return layout(frame, title, body);
}

function wayOn({ words, member }: Frame, status: ProblemStatus, retryPath: string): { path: string; name: string } {
  if (status === 503 || status === 408 || status === 429) return { path: retryPath, name: words.tryAgain };
  if (status === 403 && member === null) return { path: "/login/", name: words.goToLogin };
  return { path: "/", name: words.goHome };
}
