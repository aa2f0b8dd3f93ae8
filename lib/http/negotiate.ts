import { type MediaType, matches, parseMediaType } from "./media-type.ts";

/** What the client is to be answered with: compact or indented JSON, or a page. */
export interface Representation {
  format: "json" | "page";
  /** Spaces of indentation asked for with `Accept: application/json; indent=N`; 0 is compact. */
  indent: number;
}

/** By the names that `?format=` has for them in Django REST Framework. */
const RENDERERS = [
  { name: "json", format: "json", type: "application", subtype: "json" },
  { name: "api", format: "page", type: "text", subtype: "html" },
] as const;

/**
 * Django REST Framework's content negotiation: `?format=` narrows the renderers, then the Accept entries are tried
 * from the most specific class to the least, JSON before the page within a class; q-values count for nothing.
 *
 * @param accept the Accept header, null where there is none (then anything will do)
 * @param format the last `format` of the query; null or empty where there is none
 */
export function negotiate(accept: string | null, format: string | null): Negotiated {
  const ranges = accept ?? "*/*";
  if (format || ranges.length > MAX_KEPT_CHARACTERS) return work(ranges, format);
  const kept = KEPT.get(ranges);
  if (kept !== undefined) return kept;
  const negotiated = work(ranges, null);
  if (KEPT.size >= MAX_KEPT) KEPT.clear();
  KEPT.set(ranges, negotiated);
  return negotiated;
}

export type Negotiated = Representation | Unacceptable;

/** Why no representation will do. */
export type Unacceptable = "not_found" | "not_acceptable";

/** Clients send few different Accept headers, each of them over and over. */
const KEPT = new Map<string, Negotiated>();
const MAX_KEPT = 256;
const MAX_KEPT_CHARACTERS = 256;

function work(accept: string, format: string | null): Negotiated {
  const renderers = format ? RENDERERS.filter(({ name }) => name === format) : RENDERERS;
  if (renderers.length === 0) return "not_found";
  const ranges = accept.split(",").map((entry) => parseMediaType(entry.trim()));
  for (const precedence of [3, 2, 1, 0]) {
    const candidates = ranges.filter((range) => precedenceOf(range) === precedence);
    for (const { format, type, subtype } of renderers) {
      const accepted = candidates.find((range) => matches(range, type, subtype));
      if (accepted) return { format, indent: indentOf(accepted) };
    }
  }
  return "not_acceptable";
}

function precedenceOf({ type, subtype, parameters }: MediaType): 0 | 1 | 2 | 3 {
  if (type === "*") return 0;
  if (subtype === "*") return 1;
  return parameters.size === 0 || (parameters.size === 1 && parameters.has("q")) ? 2 : 3;
}

/** `indent=N` as Python's `int()` reads it, at most 8; what is no number or not positive is 0. */
function indentOf({ parameters }: MediaType): number {
  const text = parameters.get("indent")?.trim() ?? "";
  if (!/^[+-]?\d+(_\d+)*$/.test(text)) return 0;
  return Math.max(0, Math.min(8, Number(text.replaceAll("_", ""))));
}
