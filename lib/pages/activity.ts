import { type Html, html } from "../http/html.ts";
import { type DeviceProps, deviceWords } from "./device.ts";
import { type Frame, layout } from "./layout.ts";
import type { Words } from "./messages/en.ts";
import { moment } from "./moment.ts";

export interface ActivityProps extends DeviceProps {
  /** Epoch milliseconds. */
  at: number;
  event: keyof Words["events"];
  /** Empty where it came by no request. */
  address: string;
  by: keyof Words["by"];
}

/** @param next the cursor of older events, null where there are none */
export function activityPage(frame: Frame, events: readonly ActivityProps[], next: string | null): Html {
  const { words } = frame;
  const body = html`<p>${words.activityAbout}</p>
<ul class="sessions">
${events.map((event) => item(frame, event))}
</ul>
${next !== null && html`<p><a class="button quiet" href="/activity/?cursor=${next}">${words.older}</a></p>`}`;
  return layout(frame, words.activity, body);
}

function item(frame: Frame, event: ActivityProps): Html {
  const { words } = frame;
  const { at, address, by } = event;
  return html`<li>
<div class="device"><strong>${words.events[event.event]}</strong></div>
<div class="details">${moment(frame, at)}
${address !== "" && html`<span>${deviceWords(frame, event)}</span> <span class="address">${address}</span>`}
${by !== "you" && html`<span>${words.by[by]}</span>`}</div>
</li>`;
}
