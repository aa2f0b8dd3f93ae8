import { type Html, html } from "../http/html.ts";
import type { Frame } from "./layout.ts";

// The server does not know the reader's time zone. A relative time needs none. Every other instant is written in UTC, and
// public/times.js rewrites it before the browser paints it. Both format with the same locale and the same `Intl` options.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

interface Formats {
  exact: Intl.DateTimeFormat;
  clock: Intl.DateTimeFormat;
  day: Intl.DateTimeFormat;
  /** `3 days ago` */
  relative: Intl.RelativeTimeFormat;
  /** `today` */
  named: Intl.RelativeTimeFormat;
}

/** `5 minutes ago`; the exact time shows on hover. */
export function relativeTime(frame: Frame, instant: number): Html {
  const exact = formatsOf(frame.locale).exact.format(instant);
  return html`<time datetime="${iso(instant)}" title="${exact} UTC">${ago(frame, instant)}</time>`;
}

/** The time of day: `13:05`. */
export function clockTime({ locale }: Frame, instant: number): Html {
  const { clock, exact } = formatsOf(locale);
  return html`<time datetime="${iso(instant)}" data-part="clock" title="${exact.format(instant)} UTC">${clock.format(instant)} UTC</time>`;
}

/** `Thursday, 1 January 2026`, `yesterday` or `today`. */
export function dayName({ locale, now }: Frame, instant: number): Html {
  const { day, named } = formatsOf(locale);
  const daysAgo = [0, 1].find((days) => day.format(now - days * DAY * 1000) === day.format(instant));
  const name = daysAgo === undefined ? day.format(instant) : named.format(-daysAgo, "day");
  return html`<time datetime="${iso(instant)}" data-part="day">${name}</time>`;
}

/** Whether two instants are on one day, in UTC. */
export function isSameDay(one: number, other: number): boolean {
  return iso(one).slice(0, 10) === iso(other).slice(0, 10);
}

/** `in 30 seconds`, and from 90 seconds on `in 2 minutes`. public/page.js counts down in the same steps. */
export function waitingTime(locale: string, seconds: number): string {
  const { relative } = formatsOf(locale);
  return seconds < 90 ? relative.format(seconds, "second") : relative.format(Math.ceil(seconds / MINUTE), "minute");
}

function ago({ locale, now, words }: Frame, instant: number): string {
  const { relative } = formatsOf(locale);
  const seconds = (now - instant) / 1000;
  if (seconds < MINUTE) return words.justNow;
  if (seconds < HOUR) return relative.format(-Math.floor(seconds / MINUTE), "minute");
  if (seconds < DAY) return relative.format(-Math.floor(seconds / HOUR), "hour");
  return relative.format(-Math.floor(seconds / DAY), "day");
}

const iso = (instant: number) => new Date(instant).toISOString();

/** By locale: a format takes far longer to create than to use. A client can name some 2,000 regions. */
const FORMATS = new Map<string, Formats>();
const MAX_FORMATS = 100;

function formatsOf(locale: string): Formats {
  const known = FORMATS.get(locale);
  if (known !== undefined) return known;
  if (FORMATS.size >= MAX_FORMATS) FORMATS.clear();
  const created: Formats = {
    exact: new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" }),
    clock: new Intl.DateTimeFormat(locale, { timeStyle: "short", timeZone: "UTC" }),
    day: new Intl.DateTimeFormat(locale, { dateStyle: "full", timeZone: "UTC" }),
    relative: new Intl.RelativeTimeFormat(locale, { numeric: "always" }),
    named: new Intl.RelativeTimeFormat(locale, { numeric: "auto" }),
  };
  FORMATS.set(locale, created);
  return created;
}
