import clientTypes from "../../public/client.d.ts.txt" with { type: "text" };
import clientScript from "../../public/client.js" with { type: "text" };
import iconText from "../../public/icon.svg" with { type: "text" };
import styleText from "../../public/page.css" with { type: "text" };
import pageScript from "../../public/page.js" with { type: "text" };
import passkeysScript from "../../public/passkeys.js" with { type: "text" };
import timesScript from "../../public/times.js" with { type: "text" };
import { hashToken } from "../crypto/token.ts";

export interface Asset {
  /** Contains part of the hash if the asset may be cached for ever. */
  path: string;
  type: string;
  text: string;
  /** RFC 9110 §8.8.3; weak, because it is the same for every encoding. */
  etag: string;
}

export const STYLE = hashed("page", "css", "text/css; charset=utf-8", styleText);
export const SCRIPT = hashed("page", "js", "text/javascript; charset=utf-8", pageScript);
/** `CLIENT`, for Postern's own pages: a proxy may keep `/client.js` from them. */
const OWN_CLIENT = hashed("client", "js", "text/javascript; charset=utf-8", clientScript);
export const PASSKEYS = hashed("passkeys", "js", "text/javascript; charset=utf-8", importHashed(passkeysScript));
export const TIMES = hashed("times", "js", "text/javascript; charset=utf-8", timesScript);
export const ICON = hashed("icon", "svg", "image/svg+xml", iconText);

/** Front ends write these paths in their own code. */
export const CLIENT = asset("/client.js", "text/javascript; charset=utf-8", clientScript);
export const CLIENT_TYPES = asset("/client.d.ts", "text/plain; charset=utf-8", clientTypes);

/** By the last segment of the path. */
export const HASHED_ASSETS: ReadonlyMap<string, Asset> = new Map(
  [STYLE, SCRIPT, OWN_CLIENT, PASSKEYS, TIMES, ICON].map((asset) => [asset.path.slice("/static/".length), asset]),
);

function hashed(name: string, extension: string, type: string, text: string): Asset {
  return asset(`/static/${name}.${hashToken(text).slice(0, 12)}.${extension}`, type, text);
}

/** In public/, a module imports another by its own name. */
function importHashed(text: string): string {
  return text.replace(`"./client.js"`, `"${OWN_CLIENT.path}"`).replace(`"./page.js"`, `"${SCRIPT.path}"`);
}

function asset(path: string, type: string, text: string): Asset {
  return { path, type, text, etag: `W/"${hashToken(text).slice(0, 24)}"` };
}
