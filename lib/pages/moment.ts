import { type Html, html } from "../http/html.ts";
import type { Frame } from "./layout.ts";

/** A point in time, in UTC; a script, where there is one, puts it into the reader's own time zone. */
export function moment({ language }: Frame, instant: number): Html {
  const format = FORMATS.get(language) ?? createFormat(language);
  FORMATS.set(language, format);
  return html`<time datetime="${new Date(instant).toISOString()}">${format.format(instant)} UTC</time>`;
}

/** By language. Creating one takes far longer than using it, and a list has many moments. */
const FORMATS = new Map<string, Intl.DateTimeFormat>();

function createFormat(language: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, {
    dateStyle: "medium",
    timeStyle: "short",
    timeZone: "UTC",
  });
}
