/**
 * The language to answer in: of those there are, the one that Accept-Language (RFC 9110 §12.5.4) rates highest, by
 * lookup (RFC 4647 §3.4), so that `it-CH` finds `it`. The first there is where none is asked for. Never throws.
 *
 * @param available primary tags in lower case, at least one
 */
export function preferLanguage<Tag extends string>(header: string | null, available: readonly [Tag, ...Tag[]]): Tag {
  let best = available[0];
  let bestQuality = 0;
  for (const entry of (header ?? "").split(",")) {
    const [range = "", ...parameters] = entry.split(";").map((part) => part.trim().toLowerCase());
    const primary = range.split("-", 1)[0];
    const tag = range === "*" ? available[0] : available.find((tag) => tag === primary);
    const quality = qualityOf(parameters);
    if (tag === undefined || quality <= bestQuality) continue;
    best = tag;
    bestQuality = quality;
  }
  return best;
}

/** RFC 9110 §12.4.2; what is no quality is none. */
function qualityOf(parameters: string[]): number {
  const written = parameters.find((parameter) => parameter.startsWith("q="));
  if (written === undefined) return 1;
  return /^q=[01](\.\d{0,3})?$/.test(written) ? Number(written.slice(2)) : 0;
}
