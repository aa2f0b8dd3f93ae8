import { type Html, html } from "../http/html.ts";
import { type DeviceProps, deviceName } from "./device.ts";
import { ICONS } from "./icons.ts";
import { type Frame, layout } from "./layout.ts";
import type { Words } from "./messages/messages.ts";
import { clockTime, dayName, isSameDay } from "./time.ts";

type EventKind = keyof Words["events"];

export interface ActivityProps extends DeviceProps {
  /** Epoch milliseconds. */
  at: number;
  event: EventKind;
  /** Empty if the event came without a request. */
  address: string;
  by: "you" | "nobody" | keyof Words["by"];
}

/** @param next the cursor of older events, null if there are none */
export function activityPage(frame: Frame, events: readonly ActivityProps[], next: string | null): Html {
  const { words } = frame;
  const body = html`<p class="lead">${words.activityAbout} <a href="/password/change/">${words.activityPassword}</a></p>
<ul class="entries events">
${events.map((event, index) => item(frame, event, events[index - 1]))}
</ul>
${next !== null && html`<p><a class="button quiet" href="/activity/?cursor=${next}">${words.older}</a></p>`}`;
  return layout(frame, words.activity, body);
}

/** Every event has its day's heading, and all but the first of a day are hidden: days differ by time zone. */
function item(frame: Frame, event: ActivityProps, previous: ActivityProps | undefined): Html {
  const { words } = frame;
  const { at, address, by } = event;
  const isHidden = previous !== undefined && isSameDay(previous.at, at);
  const { icon, tone } = LOOKS[event.event];
  return html`<li><h2 class="day"${isHidden && html` hidden`}>${dayName(frame, at)}</h2>
<span class="tone ${tone}">${icon}</span>
<div class="what"><strong>${words.events[event.event]}</strong>
<div class="details">${address !== "" && html`<span>${deviceName(frame, event)}</span> <span>${address}</span> `}${
    by !== "you" && by !== "nobody" && html`<span>${words.by[by]}</span>`
  }</div></div>
${clockTime(frame, at)}
</li>`;
}

const good = (icon: Html) => ({ icon, tone: "good" });
const bad = (icon: Html) => ({ icon, tone: "bad" });
const plain = (icon: Html) => ({ icon, tone: "plain" });

const LOOKS: Readonly<Record<EventKind, { icon: Html; tone: string }>> = {
  login: good(ICONS.yes),
  login_failed: bad(ICONS.no),
  login_throttled: bad(ICONS.no),
  logout: plain(ICONS.out),
  sessions_ended: plain(ICONS.out),
  device_forgotten: plain(ICONS.computer),
  password_changed: plain(ICONS.key),
  set_up: plain(ICONS.person),
  user_made: plain(ICONS.person),
  user_changed: plain(ICONS.edit),
  user_activated: plain(ICONS.person),
  user_deactivated: bad(ICONS.person),
  user_deleted: bad(ICONS.person),
  events_cut: plain(ICONS.shield),
  trail_sealed: plain(ICONS.shield),
};
