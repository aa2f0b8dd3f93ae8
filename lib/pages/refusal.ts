import { type Html, html } from "../http/html.ts";
import { type Frame, layout } from "./layout.ts";

/** Why there is no other page. @param requestId finds it in the log */
export function refusalPage(frame: Frame, status: number, requestId: string): Html {
  const { words } = frame;
  const [title, text] = words.problems[status] ?? [words.error, ""];
  const body = html`<p>${text}</p>
<p><a class="button quiet" href="/profile/">${words.backHome}</a></p>
<p class="hint">${status} · <code>${requestId}</code></p>`;
  return layout(frame, title, body);
}
