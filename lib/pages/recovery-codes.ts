import { type Html, html } from "../http/html.ts";
import { type Frame, layout } from "./layout.ts";

/** The one page that shows recovery codes. public/page.js adds the buttons that copy and print them. */
export function recoveryCodesPage(frame: Frame, codes: readonly string[]): Html {
  return layout(frame, frame.words.recoveryCodes, recoveryCodesBody(frame, codes));
}

/** The page below its heading. public/passkeys.js fills a copy of it, with one empty code, after the first passkey. */
export function recoveryCodesBody({ words, member, siteName }: Frame, codes: readonly string[]): Html {
  return html`<p class="lead">${words.recoveryOnce}</p>
<div class="codes" data-copy="${words.copy}" data-copied="${words.copied}" data-print="${words.print}">
<p class="owner">${words.recoveryFor(member?.username ?? "", siteName)}</p>
<ul>
${codes.map((code) => html`<li><code>${code}</code></li>\n`)}</ul></div>
<p><a class="button" href="/security/">${words.codesStored}</a></p>`;
}
