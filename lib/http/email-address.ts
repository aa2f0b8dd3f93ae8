/** RFC 5321 §4.5.3.1.1. */
const MAX_LOCAL_OCTETS = 64;

/** RFC 5321 §4.5.3.1.3: a path has 256, two of them are its angle brackets. */
const MAX_OCTETS = 254;

/** RFC 1035 §2.3.4. */
const MAX_LABEL_OCTETS = 63;

/**
 * A dot-atom (RFC 5322 §3.2.3) of ASCII, as in Django. It has no `%` and no `!`: some mail servers read a second address
 * in `a%b.example@c.example` and `b.example!a@c.example`, and forward the mail to it.
 */
const LOCAL_PART = /^[a-z0-9#$&'*+/=?^_`{|}~-]+(\.[a-z0-9#$&'*+/=?^_`{|}~-]+)*$/i;

/** Some programs decode such a word (RFC 2047 §2), and find another address in it. */
const ENCODED_WORD = "=?";

/**
 * Whether mail to an address goes to one mailbox, and every program reads the same one. There are no lists, names,
 * comments, quoted local parts, IP addresses, white space or control characters. The domain may be international.
 */
export function isEmailAddress(text: string): boolean {
  return toMailAddress(text) !== null;
}

/**
 * The address as mail servers take it: its domain in ASCII (IDNA).
 *
 * @returns null if `isEmailAddress` is false
 */
export function toMailAddress(text: string): string | null {
  const at = text.indexOf("@");
  const local = text.slice(0, Math.max(at, 0));
  if (local.length > MAX_LOCAL_OCTETS || !LOCAL_PART.test(local) || local.includes(ENCODED_WORD)) return null;
  const domain = toAsciiDomain(text.slice(at + 1));
  if (domain === null) return null;
  const address = `${local}@${domain}`;
  return address.length > MAX_OCTETS ? null : address;
}

/** @returns null if it is no domain, or its letters are those of another domain in disguise */
function toAsciiDomain(domain: string): string | null {
  // A URL would decode `%61`, and map a wide letter or a ligature to ASCII letters.
  if (!/^[\p{L}\p{M}\p{N}.-]+$/u.test(domain) || domain.normalize("NFKC") !== domain) return null;
  const url = `http://${domain}/`;
  if (!URL.canParse(url)) return null;
  const { hostname } = new URL(url);
  const [labels, given] = [hostname.split("."), domain.split(".")];
  const areLabels =
    labels.length === given.length && labels.every((label, index) => isLabel(label, given[index] ?? ""));
  // An address of numbers, such as 127.0.0.1, is no domain.
  return areLabels && !/^\d+$/.test(labels.at(-1) ?? "") ? hostname : null;
}

/** @param given the label before the encoding. If it has other letters than ASCII, `label` has the prefix of encoded ones */
function isLabel(label: string, given: string): boolean {
  if (label.length > MAX_LABEL_OCTETS || !/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label)) return false;
  return /^[\x21-\x7e]+$/.test(given) ? label === given.toLowerCase() : label.startsWith("xn--");
}
