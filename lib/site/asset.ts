import type { Routed } from "../context.ts";
import { Problem } from "../http/problem.ts";
import { type Reply, reply } from "../pipeline/reply.ts";
import { type Asset, CLIENT, CLIENT_TYPES, HASHED_ASSETS, ICON } from "./assets.ts";
import { compress, preferEncoding } from "./encoding.ts";

/** A year: its path changes with what it holds (RFC 8246). */
const FOR_EVER = "public, max-age=31536000, immutable";

/** Kept, and asked about at every use: its path stays the same from version to version. */
const ASK_EVERY_TIME = "public, no-cache";

/** What was compressed once, by path and encoding. There are few assets, and they do not change. */
const compressed = new Map<string, Uint8Array<ArrayBuffer>>();

/** `GET /static/…`: a file whose path names its hash. @throws Problem not_found */
export function hashedAsset(context: Routed): Reply {
  const asset = HASHED_ASSETS.get(context.parameters["name"] ?? "");
  if (asset === undefined) throw new Problem("not_found");
  return serve(context, asset, FOR_EVER);
}

/** `GET /client.js`: the module for the front ends of others. */
export function clientModule(context: Routed): Reply {
  return serve(context, CLIENT, ASK_EVERY_TIME);
}

/** `GET /client.d.ts`: its types. */
export function clientTypes(context: Routed): Reply {
  return serve(context, CLIENT_TYPES, ASK_EVERY_TIME);
}

/** `GET /favicon.ico`: for what asks for it unbidden. */
export function favicon(context: Routed): Reply {
  return serve(context, ICON, ASK_EVERY_TIME);
}

function serve({ request }: Routed, asset: Asset, cacheControl: string): Reply {
  const headers = { "Cache-Control": cacheControl, ETag: asset.etag, Vary: "Accept-Encoding" };
  if (request.headers.get("if-none-match")?.includes(asset.etag))
    return reply(new Response(null, { status: 304, headers }));
  const encoding = preferEncoding(request.headers.get("accept-encoding"));
  if (encoding === null)
    return reply(new Response(asset.text, { headers: { ...headers, "Content-Type": asset.type } }));
  const key = `${asset.path} ${encoding}`;
  const bytes = compressed.get(key) ?? compress(asset.text, encoding);
  compressed.set(key, bytes);
  return reply(
    new Response(bytes, { headers: { ...headers, "Content-Type": asset.type, "Content-Encoding": encoding } }),
  );
}
