/** An entry of Accept-Language: its language range in lower case, and its quality above 0. */
interface Preference {
  range: string;
  quality: number;
}

/** The entries of Accept-Language (RFC 9110 §12.5.4), the highest quality first. Never throws. */
function parsePreferences(header: string | null): Preference[] {
  const entries = (header ?? "").split(",").map((entry) => {
    const [range = "", ...parameters] = entry.split(";").map((part) => part.trim().toLowerCase());
    return { range, quality: qualityOf(parameters) };
  });
  return entries.filter(({ range, quality }) => range !== "" && quality > 0).sort((a, b) => b.quality - a.quality);
}

/** RFC 9110 §12.4.2. A malformed quality counts as 0. */
function qualityOf(parameters: string[]): number {
  const written = parameters.find((parameter) => parameter.startsWith("q="));
  if (written === undefined) return 1;
  return /^q=[01](\.\d{0,3})?$/.test(written) ? Number(written.slice(2)) : 0;
}

/**
 * The available language that Accept-Language rates highest, by lookup (RFC 4647 §3.4): `it-CH` finds `it`. The first
 * available one if the header names none of them.
 *
 * @param available primary tags in lower case, at least one
 */
export function preferLanguage<Tag extends string>(header: string | null, available: readonly [Tag, ...Tag[]]): Tag {
  for (const { range } of parsePreferences(header)) {
    const tag = range === "*" ? available[0] : lookUp(range, available);
    if (tag !== undefined) return tag;
  }
  return available[0];
}

/**
 * As `preferLanguage`, but null if the header names none of the available languages. The range `*` names none: programs
 * send it.
 */
export function namedLanguage<Tag extends string>(header: string | null, available: readonly Tag[]): Tag | null {
  for (const { range } of parsePreferences(header)) {
    const tag = lookUp(range, available);
    if (tag !== undefined) return tag;
  }
  return null;
}

function lookUp<Tag extends string>(range: string, available: readonly Tag[]): Tag | undefined {
  const primary = range.split("-", 1)[0];
  return available.find((tag) => tag === primary);
}

/** A language range with an optional script and region (RFC 5646 §2.1). What follows says nothing about dates. */
const RANGE = /^([a-z]{2,3})(?:-[a-z]{4})?(?:-([a-z]{2}|\d{3}))?(?:-|$)/;

/**
 * The region whose dates the client prefers, such as `CH` for `de-CH`. If the highest entry names no region, it is the
 * one that the language is most spoken in (Unicode likely subtags): `DE` for `de`. Null if the header names no language.
 */
export function preferRegion(header: string | null): string | null {
  for (const { range } of parsePreferences(header)) {
    const [, language, region] = RANGE.exec(range) ?? [];
    if (region !== undefined) return region.toUpperCase();
    const likely = language === undefined ? undefined : new Intl.Locale(language).maximize().region;
    if (likely !== undefined) return likely;
  }
  return null;
}
