import { bytesOf, latin1 } from "../../lib/http/form.ts";
import { ROUTES } from "../../lib/routes.ts";
import exchanges from "../fixtures/drf/exchanges.json" with { type: "json" };
import { bodyBytes, maskSecret, type Recording } from "../support/recording.ts";

/** An undamaged request, one character per byte. `{session}`, `{csrf}` and `{setup}` are placeholders of live secrets. */
export interface Seed {
  line: string;
  headers: string[];
  body: string;
}

const BROWSER = ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: same-origin", "Accept: text/html,*/*;q=0.8"];
const COOKIES = "Cookie: csrftoken={csrf}; sessionid={session}";

/** Every form with valid values. */
const FIELDS: Record<string, Record<string, string>> = {
  "/login/": { username: "guguweb", password: "mysecret", next: "/profile/?a=b" },
  "/profile/": { first_name: "Augusto", last_name: "Destrero", email: "augusto@example.com" },
  "/password/change/": { current_password: "mysecret", new_password: "an elephant in the pantry" },
  "/setup/": { username: "first", email: "", password: "an elephant in the pantry" },
};

/** The requests recorded from Django, and every endpoint in every variant of headers and body. */
export function makeSeeds(): Seed[] {
  return [...recorded(), ...ROUTES.flatMap(({ method, path }) => variants(method, path))];
}

function recorded(): Seed[] {
  // The type of a JSON import is a union of all its elements. The README of the fixtures describes the shape.
  const { results } = exchanges as unknown as Recording;
  return Object.values(results).flatMap(({ steps }) =>
    steps.flatMap((step) => {
      if (!("request" in step)) return [];
      const { method, target, version, headers, host, body } = step.request;
      const bytes = body === undefined ? "" : latin1(bodyBytes(body));
      // Larger than the limit of the server. Such bodies have their own tests.
      if (bytes.length > 200_000) return [];
      const lines = headers.map(([name, value]) => `${name}: ${fillIn(value)}`);
      if (host !== "absent") lines.unshift("Host: oracle.test");
      return [{ line: `${method} ${fillIn(target)} ${version}`, headers: lines, body: fillIn(bytes) }];
    }),
  );
}

/** The recording's placeholders of secrets. */
function fillIn(text: string): string {
  return text
    .replace(/\{sid\d[^}]*\}/g, "{session}")
    .replace(/\{a token of [^}]*\}/g, maskSecret("Z".repeat(32), "k"))
    .replace(/\{(tok|secret)\d[^}]*\}/g, "{csrf}");
}

function variants(method: string, path: string): Seed[] {
  const target = path
    .replace(":id", "{session}")
    .replace(":name", "style.css")
    .replace(/^\/setup\/$/, "/setup/?token={setup}");
  const line = `${method} ${target} HTTP/1.1`;
  const asProgram = ["Host: a.test", COOKIES, "X-CSRFToken: {csrf}", "Accept: application/json"];
  const asBrowser = ["Host: a.test", COOKIES, ...BROWSER];
  const fields = { ...FIELDS[path], csrfmiddlewaretoken: "{csrf}" };
  const bare = [asProgram, asBrowser, ["Host: a.test"]].map((headers) => ({ line, headers, body: "" }));
  if (method === "GET") return bare;
  const bodies = [
    ["application/json", JSON.stringify(fields)],
    ["application/x-www-form-urlencoded", new URLSearchParams(fields).toString().replace(/%7B(\w+)%7D/g, "{$1}")],
    ["multipart/form-data; boundary=x", multipart(fields)],
  ] as const;
  return [
    ...bare,
    ...bodies.flatMap(([type, body]) =>
      [asProgram, asBrowser].map((headers) => ({ line, headers: [...headers, `Content-Type: ${type}`], body })),
    ),
  ];
}

function multipart(fields: Record<string, string>): string {
  const parts = Object.entries(fields).map(
    ([name, value]) => `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  return `${parts.join("")}--x--\r\n`;
}

export interface Secrets {
  session: string;
  csrf: string;
  setup: string;
}

/** The bytes of a request. If Content-Length is missing, adds the length of the body. */
export function serialize({ line, headers, body }: Seed, secrets: Secrets): Uint8Array {
  const fill = (text: string) =>
    text
      .replaceAll("{session}", secrets.session)
      .replaceAll("{csrf}", secrets.csrf)
      .replaceAll("{setup}", secrets.setup);
  const filled = fill(body);
  const isFramed = headers.some((header) => /^(content-length|transfer-encoding)\b/i.test(header));
  const framing = filled === "" || isFramed ? [] : [`Content-Length: ${filled.length}`];
  return bytesOf(`${[fill(line), ...headers.map(fill), ...framing].join("\r\n")}\r\n\r\n${filled}`);
}
