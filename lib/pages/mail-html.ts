import { Html, html } from "../http/html.ts";
import type { Language } from "./messages/messages.ts";

/** What both parts of a mail have. */
export interface MailContent {
  language: Language;
  siteName: string;
  /** Whether Postern's mark stands before the site's name. */
  hasMark: boolean;
  origin: string;
  title: string;
  intro: readonly string[];
  facts: readonly (readonly [name: string, value: string])[];
  /** What to do, before the link. */
  ask: readonly string[];
  button: string;
  /** Whether the mail warns: the link is needed only if another person did this. */
  isAlarm: boolean;
  link: string;
  /** The sentence before the address of the link. */
  linkBelow: string;
  outro: readonly string[];
}

// The look of the pages (public/page.css), in what mail programs understand: tables for the layout, styles in the elements.
// The <style> adds what some programs drop: the dark colours, and a phone's width. Nothing is loaded.

const FONT = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif";
const WRAP = "overflow-wrap:anywhere;word-break:break-word";
const QUIET = "margin:0 0 12px;font-size:14px;line-height:1.5;color:#5b605c";

const STYLE = new Html(`<style>
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (max-width: 480px) {
  .around { padding: 16px 12px !important; }
  .card { padding: 24px 20px 12px !important; }
  .facts th, .facts td { display: block !important; padding: 0 !important; }
  .facts td { padding-bottom: 12px !important; }
  .facts tr:last-child td { padding-bottom: 0 !important; }
  .button { display: block !important; }
}
@media (prefers-color-scheme: dark) {
  .ground { background: #151917 !important; }
  .card { background: #1e2421 !important; border-color: #343c38 !important; }
  .facts { background: #151917 !important; }
  .text { color: #e9ece9 !important; }
  .quiet { color: #a8b0ab !important; }
  .link { color: #6cc9ac !important; }
  .arch { background: #6cc9ac !important; }
  .light { background: #151917 !important; }
  .action { background: #6cc9ac !important; border-color: #6cc9ac !important; color: #0f1f1a !important; }
  .alarm { background: #1e2421 !important; border-color: #7d8781 !important; color: #e9ece9 !important; }
}
</style>`);

/** The arched door of public/icon.svg, as far as two boxes can draw it. A mail program that cannot draws nothing. */
const MARK = html`<span class="arch" style="display:inline-block;width:20px;height:22px;margin-right:10px;border-radius:10px 10px 0 0;background:#1d6b57;vertical-align:-4px"><span class="light" style="display:block;width:10px;height:16px;margin:6px auto 0;border-radius:5px 5px 0 0;background:#f4f3ee"></span></span>`;

/** The HTML part of a mail. */
export function mailHtml({
  language,
  siteName,
  hasMark,
  origin,
  title,
  intro,
  facts,
  ask,
  outro,
  ...action
}: MailContent): Html {
  return html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no, url=no">
<title>${title}</title>
${STYLE}
</head>
<body class="ground" style="margin:0;padding:0;background:#f4f3ee">
<div style="display:none;max-height:0;overflow:hidden">${intro[0] ?? ""}</div>
<main><table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr>
<td class="ground around" align="center" style="padding:32px 16px;background:#f4f3ee">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="max-width:544px;table-layout:fixed"><tr>
<td class="text" style="padding:0 4px 20px;${FONT};font-size:17px;font-weight:600;line-height:1.3;color:#1f2421;${WRAP}">${hasMark && MARK}${siteName}</td></tr><tr>
<td class="card" style="padding:32px 32px 20px;border:1px solid #d9d6cb;border-radius:14px;background:#ffffff;${FONT};text-align:left;${WRAP}">
<h1 class="text" style="margin:0 0 16px;font-size:23px;line-height:1.25;letter-spacing:-0.01em;color:#1f2421">${title}</h1>
${paragraphs(intro)}
${factTable(facts)}
${paragraphs(ask)}
${link(action)}
${outro.map((sentence) => html`<p class="quiet" style="${QUIET}">${sentence}</p>\n`)}</td></tr><tr>
<td style="padding:20px 4px 0;${FONT};font-size:13px;line-height:1.5;${WRAP}"><a class="quiet" href="${origin}/" style="color:#5b605c">${new URL(origin).host}</a></td></tr></table>
</td></tr></table></main>
</body>
</html>
`;
}

function paragraphs(sentences: readonly string[]): Html[] {
  return sentences.map(
    (sentence) =>
      html`<p class="text" style="margin:0 0 16px;font-size:16px;line-height:1.5;color:#1f2421">${sentence}</p>\n`,
  );
}

/** A name or an address may be written from right to left. */
function factTable(facts: MailContent["facts"]): Html {
  const name =
    "padding:5px 16px 5px 0;font-size:14px;font-weight:400;line-height:21px;text-align:left;color:#5b605c;" +
    "overflow-wrap:normal;word-break:normal";
  const value = `padding:5px 0;font-size:15px;font-weight:600;line-height:21px;color:#1f2421;${WRAP}`;
  return html`<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="margin:0 0 20px"><tr>
<td class="facts" style="padding:14px 18px;border-radius:10px;background:#f4f3ee">
<table cellpadding="0" cellspacing="0" border="0">
${facts.map(
  ([label, text]) =>
    html`<tr><th class="quiet" scope="row" valign="top" style="${name}">${label}</th><td class="text" valign="top" style="${value}"><bdi>${text}</bdi></td></tr>\n`,
)}</table></td></tr></table>`;
}

/** The button, and the address that it leads to: a reader can check it, or copy it. */
function link({
  button,
  isAlarm,
  link,
  linkBelow,
}: Pick<MailContent, "button" | "isAlarm" | "link" | "linkBelow">): Html {
  const colors = isAlarm
    ? "border:1px solid #8a877c;background:#ffffff;color:#1f2421"
    : "border:1px solid #1d6b57;background:#1d6b57;color:#ffffff";
  const shape =
    "display:inline-block;padding:11px 22px;border-radius:10px;font-size:16px;font-weight:600;line-height:1.4";
  return html`<p style="margin:4px 0 20px"><a class="button ${isAlarm ? "alarm" : "action"}" href="${link}" style="${shape};text-align:center;text-decoration:none;${colors}">${button}</a></p>
<p class="quiet" style="${QUIET}">${linkBelow}<br><a class="link" href="${link}" style="color:#1d6b57;${WRAP}">${link}</a></p>
`;
}
