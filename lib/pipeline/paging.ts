import type { Arrival } from "../context.ts";
import { fieldMessage } from "../http/message.ts";
import { Problem } from "../http/problem.ts";
import { queryValue } from "../http/target.ts";
import type { Reply } from "./reply.ts";

/**
 * The place where the requested page begins: the result of `parse` for `?cursor=`. Null for the first page, if the cursor
 * is missing or empty.
 *
 * @param parse returns null if the text is no cursor
 * @throws Problem invalid
 */
export function readCursor<Place>({ target }: Arrival, parse: (text: string) => Place | null): Place | null {
  const cursor = queryValue(target, "cursor");
  if (!cursor) return null;
  const place = parse(cursor);
  if (place === null) throw new Problem("invalid", { cursor: [fieldMessage("invalid_cursor")] });
  return place;
}

/**
 * Adds the address of the next page to an answer in JSON (RFC 8288 §3). It is a relative reference with the same format.
 *
 * @param path of this list
 * @param cursor of the next page, null if there is none
 */
export function linkNext({ target }: Arrival, reply: Reply, path: string, cursor: string | null): Reply {
  if (cursor === null) return reply;
  const format = queryValue(target, "format");
  const query = new URLSearchParams(format ? { format, cursor } : { cursor });
  reply.response.headers.set("Link", `<${path}?${query}>; rel="next"`);
  return reply;
}
