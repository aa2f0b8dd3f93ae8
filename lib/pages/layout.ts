import { type Html, html } from "../http/html.ts";
import { ICONS, MARK } from "./icons.ts";
import type { Locale } from "./messages/messages.ts";

/** What every page is made from. */
export interface Frame extends Locale {
  siteName: string;
  /** The address of the operator's logo; null for Postern's own mark. */
  logoUrl: string | null;
  styleUrl: string;
  scriptUrl: string;
  /** The script that shows instants in the reader's time zone. */
  timesUrl: string;
  /** The script of the buttons for passkeys. */
  passkeysUrl: string;
  iconUrl: string;
  /** The session's public name. Empty without a session, null if the page does not know. */
  session: string | null;
  /** The path of the page. */
  path: string;
  /** The user who is logged in; null without a session. */
  member: Member | null;
  /** A sentence about what the last form has done, null for none. */
  notice: string | null;
  /** Epoch milliseconds. */
  now: number;
}

export interface Member {
  username: string;
  /** Every form sends it back, for browsers that send neither Sec-Fetch-Site nor Origin. */
  csrfToken: string;
}

/** A whole page. */
export function layout(frame: Frame, title: string, body: Html): Html {
  const { language, locale, siteName, styleUrl, scriptUrl, timesUrl, iconUrl, session, member, now } = frame;
  const instant = member && html` data-locale="${locale}" data-now="${now}"`;
  return html`<!doctype html>
<html lang="${language}"${session !== null && html` data-session="${session}"`}${instant}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · ${siteName}</title>
${member && html`<script src="${timesUrl}"></script>`}
<link rel="icon" href="${iconUrl}" type="image/svg+xml">
<link rel="stylesheet" href="${styleUrl}">
<script type="module" src="${scriptUrl}"></script>
</head>
<body${member && html` class="member"`}>
<header class="site">
${brand(frame)}
${member && navigation(frame, member)}
</header>
<main>
<h1>${title}</h1>
${notice(frame)}
${body}
</main>
</body>
</html>
`;
}

function brand({ siteName, logoUrl }: Frame): Html {
  const mark = logoUrl === null ? MARK : html`<img src="${logoUrl}" alt="" width="28" height="28">`;
  return html`<a class="brand" href="/">${mark}<span>${siteName}</span></a>`;
}

/** On a member's page the notice has the focus. The login's form needs it, so there a screen reader reads the notice out. */
function notice({ member, notice }: Frame): Html | null {
  if (notice === null) return null;
  const role = member ? html`tabindex="-1" autofocus` : html`role="status"`;
  return html`<p class="notice" ${role}>${notice}</p>`;
}

function navigation({ words, path }: Frame, member: Member): Html {
  const current = (to: string) => to === path && html` aria-current="page"`;
  return html`<nav>
<a href="/sessions/"${current("/sessions/")}>${words.sessions}</a>
<a href="/activity/"${current("/activity/")}>${words.activity}</a>
<a href="/security/"${current("/security/")}>${words.security}</a>
<a class="user" href="/profile/" aria-label="${words.profile}: ${member.username}"${current("/profile/")}>${ICONS.person}<span>${member.username}</span></a>
<form method="post" action="/logout/">${csrfField(member)}<button class="link out">${ICONS.out}<span>${words.logOut}</span></button></form>
</nav>`;
}

/** The name is Django's. The server reads it only if a browser sends neither Sec-Fetch-Site nor Origin. */
export function csrfField(member: Member | null): Html | null {
  return member && html`<input type="hidden" name="csrfmiddlewaretoken" value="${member.csrfToken}">`;
}
