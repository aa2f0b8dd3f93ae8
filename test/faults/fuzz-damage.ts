import type { Seed } from "./fuzz-seeds.ts";

// Ways to damage a request. Each depends only on its random numbers.

type Random = () => number;
type Damage = (seed: Seed, random: Random) => Seed;

const below = (random: Random, limit: number) => Math.floor(random() * limit);
/** @param list not empty */
function pick<T>(random: Random, list: readonly T[]): T {
  const picked = list[below(random, list.length)];
  if (picked === undefined) throw new Error("There is nothing to pick.");
  return picked;
}

/** Texts that are known to break parsers. One character per byte. */
const PIECES = [
  "\0",
  ..."\t\n\r \"%&'()*+,-./:;<=>?@[\\]^_`{|}~\x7f\x80\xff",
  "\r\n",
  "%00",
  "%ff",
  "%E0%A4",
  "%u0041",
  "%",
  "\xef\xbb\xbf",
  "\xed\xa0\x80",
  "\xf0\x9f\x94\x91",
  "\xc3\xa9",
  "\\ud800",
  "\\u0000",
  "null",
  "true",
  "-0",
  "1e999",
  "9".repeat(400),
  "[".repeat(2000),
  '{"a":'.repeat(500),
  "a=&".repeat(1001),
  "../",
  "//evil.test/",
  "__proto__",
  "constructor",
  "toString",
  "username",
  "password",
  "csrfmiddlewaretoken",
  "{session}",
  "{csrf}",
  "{setup}",
  "--x",
  "--x--",
  "<script>",
  "' or 1=1 --",
  "a".repeat(5000),
  "\xc0\x80",
] as const;

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "CONNECT"] as const;
const VERSIONS = ["HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.0", "HTTP/1.1 ", "HTTP/2.0", ""] as const;
const NAMES = [
  "Accept",
  "Accept-Charset",
  "Accept-Encoding",
  "Accept-Language",
  "Access-Control-Request-Method",
  "Authorization",
  "Connection",
  "Content-Encoding",
  "Content-Length",
  "Content-Type",
  "Cookie",
  "Expect",
  "Forwarded",
  "Host",
  "If-None-Match",
  "Origin",
  "Range",
  "Referer",
  "Sec-Fetch-Mode",
  "Sec-Fetch-Site",
  "Transfer-Encoding",
  "Upgrade",
  "User-Agent",
  "X-CSRFToken",
  "X-Forwarded-For",
  "X-Forwarded-Host",
  "X-Forwarded-Proto",
  "X-Request-Id",
] as const;
const VALUES = [
  "",
  "*/*;q=1.0000",
  "text/html;level=1;q=0.5,application/json;indent=8",
  "application/json; indent=99999999999",
  "gzip;q=0,br;q=nan,*",
  "it;q=0.999,en-GB,*;q=0",
  "null",
  "https://app.test",
  "http://[::1]:99999",
  "[::1",
  "a.test:port",
  "a.test, b.test",
  "navigate",
  "cross-site",
  "same-origin",
  "100-continue",
  "chunked",
  "identity, chunked",
  "gzip",
  "-1",
  "0",
  "18446744073709551616",
  "1, 1",
  "keep-alive, Upgrade",
  "websocket",
  "h2c",
  "close",
  "::ffff:127.0.0.1, 999.1.1.1, [::1]:80, unknown",
  'for="[2001:db8::1]";proto=https',
  "bytes=0-,5-1,-0",
  '"a", W/"b", *',
  "multipart/form-data; boundary=",
  'multipart/form-data; boundary="a\\"b"',
  "application/x-www-form-urlencoded; charset=utf-16be",
  "a/b/c;;;=;charset",
  "x".repeat(9000),
] as const;
const CHARSETS = [
  "utf-8",
  "utf-16",
  "utf-16le",
  "utf-7",
  "iso-2022-jp",
  "shift_jis",
  "x-user-defined",
  "replacement",
  '"',
  "",
] as const;

/** Applies 0 to 5 kinds of damage. */
export function damage(seed: Seed, random: Random): Seed {
  let damaged = seed;
  for (let times = below(random, 4); times > 0; times--) damaged = pick(random, DAMAGES)(damaged, random);
  return damaged;
}

/** Inserts, removes, changes or repeats bytes. */
function damageText(text: string, random: Random): string {
  const at = below(random, text.length + 1);
  const length = below(random, 8);
  switch (below(random, 5)) {
    case 0:
      return text.slice(0, at) + pick(random, PIECES) + text.slice(at);
    case 1:
      return text.slice(0, at) + text.slice(at + length);
    case 2:
      return text.slice(0, at) + String.fromCharCode(below(random, 256)) + text.slice(at + 1);
    case 3:
      return text.slice(0, at) + text.slice(Math.max(0, at - length), at) + text.slice(at);
    default:
      return text.slice(0, at) + pick(random, PIECES) + text.slice(at + length);
  }
}

const withHeader = (seed: Seed, header: string, random: Random): Seed => {
  const at = below(random, seed.headers.length + 1);
  return { ...seed, headers: seed.headers.toSpliced(at, 0, header) };
};

function damageCookie(seed: Seed, random: Random): Seed {
  const at = seed.headers.findIndex((header) => /^cookie:/i.test(header));
  const cookie = seed.headers[at] ?? "Cookie: sessionid={session}";
  const [name = "", ...rest] = cookie.split(":");
  const value = rest.join(":");
  const changed = pick(random, [
    damageText(value, random),
    `${value}; ${damageText("sessionid={session}", random)}`,
    `${damageText("csrftoken={csrf}", random)};${value}`,
    value.replace(/=([^;]*)/, '="$1"'),
    `${value}; a=b`.repeat(1 + below(random, 100)),
  ]);
  return { ...seed, headers: [...seed.headers.filter((_, index) => index !== at), `${name}:${changed}`] };
}

/** A chunked body, valid or slightly malformed (RFC 9112 §7.1). */
function chunk(seed: Seed, random: Random): Seed {
  const size = 1 + below(random, 40);
  let body = "";
  for (let at = 0; at < seed.body.length && at < 20_000; at += size) {
    const piece = seed.body.slice(at, at + size);
    body += `${piece.length.toString(16)}${random() < 0.05 ? ";ext=1" : ""}\r\n${piece}\r\n`;
  }
  const end =
    random() < 0.8 ? "0\r\n\r\n" : pick(random, ["0\r\nX: y\r\n\r\n", "fffffffff\r\n", "-1\r\n", "g\r\n\r\n"]);
  return withHeader({ ...seed, body: body + end }, "Transfer-Encoding: chunked", random);
}

function damageType(seed: Seed, random: Random): Seed {
  const headers = seed.headers.map((header) =>
    /^content-type:/i.test(header) ? `${header}; charset=${pick(random, CHARSETS)}` : header,
  );
  return { ...seed, headers };
}

const DAMAGES: readonly Damage[] = [
  (seed, random) => ({ ...seed, line: damageText(seed.line, random) }),
  (seed, random) => ({ ...seed, line: seed.line.replace(/^\S+/, pick(random, METHODS)) }),
  (seed, random) => ({ ...seed, line: seed.line.replace(/\S*$/, pick(random, VERSIONS)) }),
  (seed, random) => ({ ...seed, line: seed.line.replace(/ (\S*) /, ` $1?${pick(random, PIECES)}=x&format=json `) }),
  (seed, random) => ({ ...seed, body: damageText(seed.body, random) }),
  (seed, random) => ({ ...seed, body: damageText(seed.body, random) }),
  (seed, random) => ({ ...seed, body: seed.body.repeat(1 + below(random, 30)) }),
  (seed, random) => withHeader(seed, `${pick(random, NAMES)}: ${pick(random, VALUES)}`, random),
  (seed, random) =>
    withHeader(seed, damageText(pick(random, seed.headers.length > 0 ? seed.headers : NAMES), random), random),
  (seed, random) => ({ ...seed, headers: seed.headers.toSpliced(below(random, seed.headers.length), 1) }),
  (seed, random) => ({
    ...seed,
    headers: seed.headers.map((header) => (random() < 0.3 ? damageText(header, random) : header)),
  }),
  damageCookie,
  damageType,
  chunk,
];
