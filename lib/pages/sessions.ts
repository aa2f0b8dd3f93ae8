import { type Html, html } from "../http/html.ts";
import { type DeviceProps, deviceIcon, deviceName } from "./device.ts";
import { devicesSection, type KnownDeviceProps } from "./devices.ts";
import { csrfField, type Frame, layout } from "./layout.ts";
import { relativeTime } from "./time.ts";

export interface SessionProps extends DeviceProps {
  /** The session's public name. */
  name: string;
  userAgent: string;
  address: string;
  /** Epoch milliseconds. */
  createdAt: number;
  lastSeenAt: number;
  isCurrent: boolean;
}

/** @param next the cursor of the next page, null if there is none */
export function sessionsPage(
  frame: Frame,
  sessions: readonly SessionProps[],
  { next, devices }: { next: string | null; devices: readonly KnownDeviceProps[] },
): Html {
  const { words } = frame;
  const hasOthers = next !== null || sessions.some(({ isCurrent }) => !isCurrent);
  const body = html`<p class="lead">${words.sessionsAbout} <a href="/password/change/">${words.sessionsPassword}</a></p>
<ul class="entries sessions">
${sessions.map((session) => item(frame, session))}
</ul>
${next !== null && html`<p><a class="button quiet" href="/sessions/?cursor=${next}">${words.older}</a></p>`}
${hasOthers && logOutOthers(frame)}
${devicesSection(frame, devices)}`;
  return layout(frame, words.sessions, body);
}

function item(frame: Frame, session: SessionProps): Html {
  const { words, member } = frame;
  const { name, userAgent, address, createdAt, isCurrent } = session;
  const device = deviceName(frame, session);
  return html`<li${isCurrent && html` class="current"`}>${deviceIcon(session)}
<div class="what"><div class="title"><strong title="${userAgent}">${device}</strong>${isCurrent && html`<span class="badge">${words.thisDevice}</span>`}</div>
<div class="details">${lastSeen(frame, session)}<span>${words.loggedInAt} ${relativeTime(frame, createdAt)}</span> <span>${address}</span></div></div>
<form method="post" action="/sessions/${name}/">${csrfField(member)}<button class="quiet" aria-label="${words.logOut}: ${device}">${words.logOut}</button></form>
</li>`;
}

/** Nothing if it would say the same as the login, or that this device is here now. */
function lastSeen(frame: Frame, { createdAt, lastSeenAt, isCurrent }: SessionProps): Html | null {
  if (isCurrent || lastSeenAt === createdAt) return null;
  return html`<span>${frame.words.lastSeenAt} ${relativeTime(frame, lastSeenAt)}</span> `;
}

/** A disclosure asks for confirmation without script. */
function logOutOthers({ words, member }: Frame): Html {
  return html`<details class="confirm"><summary class="button quiet danger">${words.logOutOthers}</summary>
<form method="post" action="/sessions/">${csrfField(member)}<p>${words.logOutOthersAbout}</p><button class="danger">${words.logOutOthersNow}</button></form></details>`;
}
