/** Optional white space (RFC 9110 §5.6.3). If `\xa0` were stripped, a sibling could set `\xa0__Host-x` as `__Host-x`. */
const OUTER_SPACE = /^[ \t]+|(?<![ \t])[ \t]+$/g; // The look-behind keeps the time linear in inner blanks.

/** The values of each name, in the order of the header. */
export type Cookies = ReadonlyMap<string, readonly string[]>;

/**
 * Parses a `Cookie` header like Django's `parse_cookie`: splits at `;`, then at the first `=`, strips white space and
 * quotes. Django keeps the last of equal names; this function keeps all. Never throws.
 */
export function parseCookies(header: string | null): Cookies {
  const cookies = new Map<string, string[]>();
  if (header === null) return cookies;
  for (const part of header.split(";")) {
    const equals = part.indexOf("=");
    const name = strip(part.slice(0, Math.max(equals, 0)));
    const value = strip(part.slice(equals + 1));
    if (name === "" && value === "") continue;
    const values = cookies.get(name);
    if (values === undefined) cookies.set(name, [unquote(value)]);
    else values.push(unquote(value));
  }
  return cookies;
}

/** The regular expression is only for rare cases: most names have one leading space, and most values have none. */
function strip(text: string): string {
  const bare = text.startsWith(" ") ? text.slice(1) : text;
  return isSpace(bare[0]) || isSpace(bare.at(-1)) ? bare.replace(OUTER_SPACE, "") : bare;
}

function isSpace(character: string | undefined): boolean {
  return character === " " || character === "\t";
}

/** Removes double quotes, backslash escapes and octal `\nnn` (RFC 2109, Python's http.cookies). */
function unquote(value: string): string {
  if (value.length < 2 || !value.startsWith('"') || !value.endsWith('"')) return value;
  return value
    .slice(1, -1)
    .replace(/\\(?:([0-3][0-7][0-7])|(.))/gs, (_, octal?: string, character?: string) =>
      octal === undefined ? (character ?? "") : String.fromCharCode(Number.parseInt(octal, 8)),
    );
}

export interface CookieAttributes {
  maxAgeSeconds: number;
  httpOnly: boolean;
  secure: boolean;
  /** Null for a host-only cookie (RFC 6265 §5.3). */
  domain: string | null;
}

/** A `Set-Cookie` value (RFC 6265 §4.1), with Django's spelling and order of the attributes. */
export function serializeCookie(name: string, value: string, attributes: CookieAttributes, now: number): string {
  const { maxAgeSeconds, httpOnly, secure, domain } = attributes;
  const expires = new Date(now + maxAgeSeconds * 1000).toUTCString();
  return [
    `${name}=${value}`,
    ...(domain === null ? [] : [`Domain=${domain}`]),
    `expires=${expires}`,
    ...(httpOnly ? ["HttpOnly"] : []),
    `Max-Age=${maxAgeSeconds}`,
    "Path=/",
    "SameSite=Lax",
    ...(secure ? ["Secure"] : []),
  ].join("; ");
}

/** The `Set-Cookie` value with which Django deletes a cookie. For a `__Host-` name, browsers need `Secure`. */
export function serializeDeletion(name: string, { secure, domain }: Pick<CookieAttributes, "secure" | "domain">) {
  const scope = domain === null ? "" : ` Domain=${domain};`;
  const end = secure ? "; Secure" : "";
  return `${name}="";${scope} expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=Lax${end}`;
}
