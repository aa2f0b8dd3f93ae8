import { type Html, html } from "../http/html.ts";
import { type DeviceProps, deviceIcon, deviceName } from "./device.ts";
import { csrfField, type Frame } from "./layout.ts";
import { dayName, relativeTime } from "./time.ts";

export interface KnownDeviceProps extends DeviceProps {
  /** The device's public name. */
  name: string;
  /** Epoch milliseconds. */
  createdAt: number;
  lastUsedAt: number;
  isCurrent: boolean;
  /** Until then its logins need no second factor; null if they do. */
  trustedUntil: number | null;
}

/** The part of the page of sessions about known devices; null if there are none. */
export function devicesSection(frame: Frame, devices: readonly KnownDeviceProps[]): Html | null {
  if (devices.length === 0) return null;
  return html`<section aria-labelledby="devices">
<h2 id="devices">${frame.words.devices}</h2>
<p>${frame.words.devicesAbout}${devices.some(({ trustedUntil }) => trustedUntil !== null) && ` ${frame.words.rememberedAbout}`}</p>
<ul class="entries known">
${devices.map((device) => item(frame, device))}
</ul>
</section>`;
}

function item(frame: Frame, device: KnownDeviceProps): Html {
  const { words, member } = frame;
  const { name, createdAt, lastUsedAt, isCurrent, trustedUntil } = device;
  const title = deviceName(frame, device);
  return html`<li${isCurrent && html` class="current"`}>${deviceIcon(device)}
<div class="what"><div class="title"><strong>${title}</strong>${isCurrent && html`<span class="badge">${words.thisDevice}</span>`}</div>
<div class="details"><span>${words.lastLogin} ${relativeTime(frame, lastUsedAt)}</span>${
    createdAt !== lastUsedAt && html` <span>${words.knownSince} ${relativeTime(frame, createdAt)}</span>`
  }${trustedUntil !== null && html` <span>${words.rememberedUntil} ${dayName(frame, trustedUntil)}</span>`}</div></div>
<form method="post" action="/devices/${name}/">${csrfField(member)}<button class="quiet" aria-label="${words.forgetDevice}: ${title}">${words.forgetDevice}</button></form>
</li>`;
}
