/** Registries that sell names one level down, as co.uk: far from all (https://publicsuffix.org), and the usual ones. */
const SECOND_LEVEL = /^(ac|co|com|edu|gov|net|org)\.[a-z]{2}$/;

/**
 * Whether two origins may be of one site, so that a browser sends cookies from the one to the other. False is certain;
 * true is not, because what can be registered under a name stands in a list that changes.
 * https://html.spec.whatwg.org/multipage/browsers.html#same-site
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
