import type { Arrival, Endpoint } from "../context.ts";
import { renderJson } from "../http/json.ts";
import { type Reply, type ReplyParts, reply } from "./reply.ts";
import { prepareHeaders } from "./security-headers.ts";

/** No charset: RFC 8259 §11 defines none, and Django REST Framework sends none. */
const JSON_HEADERS = prepareHeaders({ "Content-Type": "application/json" });

/** JSON, indented if the client asked for it. */
export function json({ representation, endpoint, auth }: Arrival, value: unknown, status = 200): Reply {
  const isPrepared = endpoint !== null && auth !== null;
  const headers = isPrepared ? endpoint.headers : JSON_HEADERS;
  const response = new Response(renderJson(value, representation.indent), { status, headers });
  return reply(response, { isPrepared });
}

/** No body, and so no Content-Type. */
export function empty(status: 201 | 202 | 204, parts?: ReplyParts): Reply {
  return reply(new Response(null, { status }), parts);
}

export function text(body: string): Reply {
  return reply(new Response(body, { headers: { "Content-Type": "text/plain; charset=utf-8" } }));
}

/** @param path on this origin. After 303 a browser sends a GET for any method (RFC 9110 §15.4.4). */
export function redirect(path: string, { status = 303, ...parts }: { status?: 302 | 303 } & ReplyParts = {}): Reply {
  return reply(new Response(null, { status, headers: { Location: path } }), parts);
}

/** The answer to OPTIONS, as Django REST Framework has it. */
export function describe(context: Arrival, { name }: Endpoint): Reply {
  return json(context, {
    name,
    description: "",
    renders: ["application/json", "text/html"],
    parses: ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
  });
}

/** To the same path with its final slash: 308 keeps the method and the body (RFC 9110 §15.4.9), 301 is Django's. */
export function redirectToSlash(path: string, query: string, method: string): Reply {
  const status = method === "GET" || method === "HEAD" ? 301 : 308;
  // If the target is no valid URL, the query is as the client sent it. A header takes ASCII alone.
  const location = encodePath(path) + (query === "" ? "" : `?${query.replace(/[^!-~]/gu, escapeCharacter)}`);
  return reply(
    new Response(null, { status, headers: { Location: location, "Content-Type": "text/html; charset=utf-8" } }),
  );
}

/** A decoded `?` or `#` would end the path. */
function encodePath(path: string): string {
  return encodeURI(path).replace(/[?#]/g, encodeURIComponent);
}

/** A lone surrogate, which no encoding has, becomes U+FFFD. */
function escapeCharacter(character: string): string {
  return encodeURIComponent(character.toWellFormed());
}

/** The answer to a CORS preflight of a trusted origin (Fetch Standard §3.3.3). It carries no cookie: no guard is asked. */
export function preflight(allow: string): Reply {
  const headers = {
    "Access-Control-Allow-Methods": allow,
    "Access-Control-Allow-Headers": "content-type, x-csrftoken",
    "Access-Control-Max-Age": "600",
  };
  return reply(new Response(null, { status: 204, headers }));
}
