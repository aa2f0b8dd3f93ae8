import { type Html, html } from "../http/html.ts";
import type { Frame } from "./layout.ts";

/** A point in time, in UTC; a script, where there is one, puts it into the reader's own time zone. */
export function moment({ language }: Frame, instant: number): Html {
  const format = new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, {
    dateStyle: "medium",
    timeStyle: "short",
    timeZone: "UTC",
  });
  return html`<time datetime="${new Date(instant).toISOString()}">${format.format(instant)} UTC</time>`;
}
