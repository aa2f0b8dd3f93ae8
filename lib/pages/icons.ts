import { type Html, html } from "../http/html.ts";

// Drawn in the colour of the text beside them, and hidden from screen readers: that text says the same.

const icon = (paths: Html): Html =>
  html`<svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">${paths}</svg>`;

export const ICONS = {
  person: icon(html`<circle cx="12" cy="8" r="4"/><path d="M4 21c0-4 3.6-6.5 8-6.5s8 2.5 8 6.5"/>`),
  computer: icon(html`<rect x="4" y="5" width="16" height="11" rx="1.5"/><path d="M2 20h20"/>`),
  phone: icon(html`<rect x="7" y="2.5" width="10" height="19" rx="2"/><path d="M11 18.5h2"/>`),
  program: icon(html`<rect x="3" y="4" width="18" height="16" rx="2"/><path d="m7 9 3 3-3 3m5.5 0H17"/>`),
  unknown: icon(
    html`<circle cx="12" cy="12" r="9"/><path d="M9.5 9.3a2.6 2.6 0 1 1 3.7 2.4c-.8.4-1.2.9-1.2 1.8m0 3.5v.01"/>`,
  ),
  yes: icon(html`<path d="m5 12.5 4.5 4.5L19 7.5"/>`),
  no: icon(html`<path d="m7 7 10 10M17 7 7 17"/>`),
  out: icon(html`<path d="M10 4H5v16h5m5-12 4 4-4 4M9 12h10"/>`),
  key: icon(html`<circle cx="8" cy="15" r="4"/><path d="m11 12 9-9m-4 4 3 3"/>`),
  edit: icon(html`<path d="m4 20 1-4L16 5l3 3L8 19z"/>`),
  shield: icon(html`<path d="m12 3 8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6z"/>`),
};

/** The mark of Postern, in the colours of the page's scheme. */
export const MARK: Html = html`<svg class="mark" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
<path class="arch" d="M4 30V14a12 12 0 0 1 24 0v16z"/><path class="light" d="M9 30V14.5a7 7 0 0 1 14 0V30z"/>
<path class="arch" d="M14.6 30V9.2a5 5 0 0 1 5.9 5.3V30z"/><circle class="light" cx="16.6" cy="20" r="1.2"/></svg>`;
