import type { Routed } from "../context.ts";
import { Problem } from "../http/problem.ts";
import { type Reply, reply } from "../pipeline/reply.ts";
import { type Asset, CLIENT, CLIENT_TYPES, HASHED_ASSETS, ICON } from "./assets.ts";
import { compress, preferEncoding } from "./encoding.ts";

/** 1 year: the path changes with the content. `immutable`: RFC 8246. */
const IMMUTABLE = "public, max-age=31536000, immutable";

/** The path stays the same in the next version, so the browser must revalidate it. */
const REVALIDATE = "public, no-cache";

/** By path and encoding. The assets are few and do not change. */
const compressed = new Map<string, Uint8Array<ArrayBuffer>>();

/** `GET /static/…`: a file with its hash in the path. @throws Problem not_found */
export function hashedAsset(context: Routed): Reply {
  const asset = HASHED_ASSETS.get(context.parameters["name"] ?? "");
  if (asset === undefined) throw new Problem("not_found");
  return serve(context, asset, IMMUTABLE);
}

/** `GET /client.js`: the module for front ends. */
export function clientModule(context: Routed): Reply {
  return serve(context, CLIENT, REVALIDATE);
}

/** `GET /client.d.ts`: its types. */
export function clientTypes(context: Routed): Reply {
  return serve(context, CLIENT_TYPES, REVALIDATE);
}

/** `GET /favicon.ico`: browsers request it even if the page names another icon. */
export function favicon(context: Routed): Reply {
  return serve(context, ICON, REVALIDATE);
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
