import { type Html, html } from "../http/html.ts";
import { type DeviceProps, deviceWords } from "./device.ts";
import { csrfField, type Frame } from "./layout.ts";
import { moment } from "./moment.ts";

export interface KnownDeviceProps extends DeviceProps {
  /** The device's name as it is shown: no secret. */
  name: string;
  /** Epoch milliseconds. */
  createdAt: number;
  lastUsedAt: number;
  isCurrent: boolean;
}

/** The part of the page of sessions about known devices; nothing if there are none. */
export function devicesSection(frame: Frame, devices: readonly KnownDeviceProps[]): Html | null {
  if (devices.length === 0) return null;
  return html`<section aria-labelledby="devices">
<h2 id="devices">${frame.words.devices}</h2>
<p>${frame.words.devicesAbout}</p>
<ul class="sessions known">
${devices.map((device) => item(frame, device))}
</ul>
</section>`;
}

function item(frame: Frame, device: KnownDeviceProps): Html {
  const { words, member } = frame;
  const { name, createdAt, lastUsedAt, isCurrent } = device;
  const title = deviceWords(frame, device);
  return html`<li${isCurrent && html` class="current"`}>
<div class="device"><strong>${title}</strong>${isCurrent && html` <span class="badge">${words.thisDevice}</span>`}</div>
<div class="details"><span>${words.knownSince}: ${moment(frame, createdAt)}</span>
<span>${words.lastLogin}: ${moment(frame, lastUsedAt)}</span></div>
<form method="post" action="/devices/${name}/">${csrfField(member)}<button class="quiet" aria-label="${words.forgetDeviceOf(title)}">${words.forgetDevice}</button></form>
</li>`;
}
