import { type Html, html } from "../http/html.ts";
import { type DeviceProps, deviceWords } from "./device.ts";
import { devicesSection, type KnownDeviceProps } from "./devices.ts";
import { csrfField, type Frame, layout } from "./layout.ts";
import { moment } from "./moment.ts";

export interface SessionProps extends DeviceProps {
  /** The session's name as it is shown: no secret. */
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
  const { words, member } = frame;
  const hasOthers = next !== null || sessions.some(({ isCurrent }) => !isCurrent);
  const body = html`<p>${words.sessionsAbout}</p>
<ul class="sessions">
${sessions.map((session) => item(frame, session))}
</ul>
${next !== null && html`<p><a class="button quiet" href="/sessions/?cursor=${next}">${words.older}</a></p>`}
${
  hasOthers &&
  html`<form method="post" action="/sessions/">${csrfField(member)}<button class="quiet danger">${words.endOthers}</button></form>`
}
${devicesSection(frame, devices)}`;
  return layout(frame, words.sessions, body);
}

function item(frame: Frame, session: SessionProps): Html {
  const { words, member } = frame;
  const { name, userAgent, address, createdAt, lastSeenAt, isCurrent } = session;
  const device = deviceWords(frame, session);
  return html`<li${isCurrent && html` class="current"`}>
<div class="device"><strong title="${userAgent}">${device}</strong>${isCurrent && html` <span class="badge">${words.thisDevice}</span>`}</div>
<div class="details"><span class="address">${address}</span>
<span>${words.startedAt}: ${moment(frame, createdAt)}</span>
<span>${words.lastSeenAt}: ${moment(frame, lastSeenAt)}</span></div>
<form method="post" action="/sessions/${name}/">${csrfField(member)}<button class="quiet" aria-label="${words.endSessionOf(device)}">${words.endSession}</button></form>
</li>`;
}
