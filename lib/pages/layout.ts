import { type Html, html } from "../http/html.ts";
import type { Tongue } from "./messages/messages.ts";

/** What every page is made from, whatever it shows. */
export interface Frame extends Tongue {
  siteName: string;
  /** An address, ours or another's. */
  logoUrl: string;
  styleUrl: string;
  scriptUrl: string;
  iconUrl: string;
  /** The name of the session as it is shown, no secret; empty where there is none, null where that is not known. */
  session: string | null;
  /** Of the page itself. */
  path: string;
  /** Who looks at it; null for who is not logged in. */
  member: {
    username: string;
    /** Sent back by every form, for browsers that tell nothing of where a request comes from. */
    csrfToken: string;
  } | null;
  /** A sentence on what has just been done, null for none. */
  notice: string | null;
}

/** A whole page. */
export function layout(frame: Frame, title: string, body: Html): Html {
  const { language, siteName, logoUrl, styleUrl, scriptUrl, iconUrl, session, member, notice } = frame;
  return html`<!doctype html>
<html lang="${language}"${session !== null && html` data-session="${session}"`}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · ${siteName}</title>
<link rel="icon" href="${iconUrl}" type="image/svg+xml">
<link rel="stylesheet" href="${styleUrl}">
<script type="module" src="${scriptUrl}"></script>
</head>
<body${member && html` class="member"`}>
<header class="site">
<a class="brand" href="/"><img src="${logoUrl}" alt="" width="28" height="28"><span>${siteName}</span></a>
${member && navigation(frame, member)}
</header>
<main>
<h1>${title}</h1>
<p class="notice" role="status"${notice === null && html` hidden`}>${notice}</p>
${body}
</main>
</body>
</html>
`;
}

function navigation({ words, path }: Frame, member: NonNullable<Frame["member"]>): Html {
  const link = (to: string, name: string) =>
    html`<a href="${to}"${to === path && html` aria-current="page"`}>${name}</a>`;
  return html`<nav>
${link("/profile/", words.profile)}
${link("/sessions/", words.sessions)}
${link("/activity/", words.activity)}
<form method="post" action="/logout/">${csrfField(member)}<button class="link">${words.logOut}</button></form>
</nav>`;
}

/** What Django's forms send; asked for only where a browser sends neither Sec-Fetch-Site nor Origin. */
export function csrfField(member: Frame["member"]): Html | null {
  return member && html`<input type="hidden" name="csrfmiddlewaretoken" value="${member.csrfToken}">`;
}
