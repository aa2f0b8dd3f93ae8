/** The most common public suffixes of two labels, as co.uk. The full list is at https://publicsuffix.org. */
const SECOND_LEVEL = /^(ac|co|com|edu|gov|net|org)\.[a-z]{2}$/;

/**
 * Whether two origins may be same-site, so that a browser sends cookies between them. False is certain; true is not,
 * because the list of public suffixes changes. https://html.spec.whatwg.org/multipage/browsers.html#same-site
 */
export function isSameSite(one: string, other: string): boolean {
  const [first, second] = [new URL(one), new URL(other)];
  return first.protocol === second.protocol && siteOf(first.hostname) === siteOf(second.hostname);
}

function siteOf(hostname: string): string {
  if (/^[\d.]+$|^\[/.test(hostname)) return hostname; // An address is a site of its own.
  const labels = hostname.split(".");
  return labels.slice(SECOND_LEVEL.test(labels.slice(-2).join(".")) ? -3 : -2).join(".");
}
