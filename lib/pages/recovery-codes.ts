import { type Html, html } from "../http/html.ts";
import { type Frame, layout } from "./layout.ts";

/** The one page that shows recovery codes. public/page.js adds the buttons that copy and print them. */
export function recoveryCodesPage(frame: Frame, codes: readonly string[]): Html {
  const { words, member, siteName } = frame;
  const body = html`<p class="lead">${words.recoveryOnce}</p>
<div class="codes" data-copy="${words.copy}" data-copied="${words.copied}" data-print="${words.print}">
<p class="owner">${words.recoveryFor(member?.username ?? "", siteName)}</p>
<ul>
${codes.map((code) => html`<li><code>${code}</code></li>\n`)}</ul></div>
<p><a class="button" href="/security/">${words.codesStored}</a></p>`;
  return layout(frame, words.recoveryCodes, body);
}
