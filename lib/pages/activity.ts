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
  /** The name of the group that the user joined or left, null for other events. */
  group: string | null;
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
<div class="what"><strong>${describe(words, event)}</strong>
<div class="details">${address !== "" && html`<span>${deviceName(frame, event)}</span> <span>${address}</span> `}${
    by !== "you" && by !== "nobody" && html`<span>${words.by[by]}</span>`
  }</div></div>
${clockTime(frame, at)}
</li>`;
}

function describe(words: Words, { event, group }: ActivityProps): string {
  const text = words.events[event];
  return typeof text === "string" ? text : text(group ?? "");
}

const LOOKS: Readonly<Record<EventKind, { icon: Html; tone: "good" | "bad" | "plain" }>> = {
  login: { icon: ICONS.yes, tone: "good" },
  login_failed: { icon: ICONS.no, tone: "bad" },
  login_throttled: { icon: ICONS.no, tone: "bad" },
  logout: { icon: ICONS.out, tone: "plain" },
  sessions_ended: { icon: ICONS.out, tone: "plain" },
  device_forgotten: { icon: ICONS.computer, tone: "plain" },
  password_changed: { icon: ICONS.key, tone: "plain" },
  reset_requested: { icon: ICONS.key, tone: "plain" },
  password_reset: { icon: ICONS.key, tone: "plain" },
  invited: { icon: ICONS.person, tone: "plain" },
  signed_up: { icon: ICONS.person, tone: "plain" },
  email_change_requested: { icon: ICONS.edit, tone: "plain" },
  email_change_cancelled: { icon: ICONS.edit, tone: "plain" },
  email_changed: { icon: ICONS.edit, tone: "plain" },
  email_restored: { icon: ICONS.edit, tone: "bad" },
  reported: { icon: ICONS.shield, tone: "bad" },
  exported: { icon: ICONS.person, tone: "plain" },
  mail_failed: { icon: ICONS.no, tone: "bad" },
  set_up: { icon: ICONS.person, tone: "plain" },
  user_made: { icon: ICONS.person, tone: "plain" },
  user_changed: { icon: ICONS.edit, tone: "plain" },
  user_activated: { icon: ICONS.person, tone: "plain" },
  user_deactivated: { icon: ICONS.person, tone: "bad" },
  user_deleted: { icon: ICONS.person, tone: "bad" },
  group_made: { icon: ICONS.person, tone: "plain" },
  group_deleted: { icon: ICONS.person, tone: "bad" },
  added_to_group: { icon: ICONS.person, tone: "plain" },
  removed_from_group: { icon: ICONS.person, tone: "plain" },
  second_factor_failed: { icon: ICONS.no, tone: "bad" },
  second_factor_throttled: { icon: ICONS.no, tone: "bad" },
  factor_added: { icon: ICONS.key, tone: "plain" },
  factor_removed: { icon: ICONS.key, tone: "bad" },
  factors_reset: { icon: ICONS.key, tone: "bad" },
  passkey_renamed: { icon: ICONS.edit, tone: "plain" },
  passkey_copied: { icon: ICONS.shield, tone: "bad" },
  recovery_codes_made: { icon: ICONS.key, tone: "plain" },
  recovery_code_used: { icon: ICONS.key, tone: "plain" },
  browser_trusted: { icon: ICONS.computer, tone: "plain" },
  proved: { icon: ICONS.yes, tone: "good" },
  events_cut: { icon: ICONS.shield, tone: "plain" },
  trail_sealed: { icon: ICONS.shield, tone: "plain" },
};
