import type { Arrival, Endpoint, Match, Router } from "../context.ts";
import { decodePath, ownPath, parseTarget } from "../http/target.ts";
import { deletionEnabled, recentDownload } from "./guards.ts";
import { isByLink, isByMail } from "./link-guards.ts";

/**
 * Where `next` leads, if a login may redirect there: a page of Postern, a path of this origin that is no endpoint of
 * Postern and so belongs to the application, or a URL of an origin in POSTERN_TRUSTED_ORIGINS. Else null.
 */
export function nextLocation({ router, services: { config } }: Arrival, reference: string): string | null {
  const path = ownPath(reference);
  if (path === null) return trustedUrl(reference, config.trustedOrigins);
  const match = matchOf(router, parseTarget(path).path);
  return match === undefined || hasPage(match.endpoint) ? path : null;
}

/** The URL as a browser will read it; null if it is not of a trusted origin. A name or a password in it does not count. */
function trustedUrl(reference: string, trusted: ReadonlySet<string>): string | null {
  if (!/^https?:\/\//i.test(reference) || !URL.canParse(reference)) return null;
  const { origin, pathname, search, hash } = new URL(reference);
  return trusted.has(origin) ? origin + pathname + search + hash : null;
}

/** The nearest path, from this one upwards, that has a page: for `/sessions/ID/`, `/sessions/`; at most `/`. */
export function nearestPage(router: Router, path: string): string {
  let nearest = path;
  while (nearest !== "/") {
    const match = matchOf(router, nearest);
    if (match !== undefined && hasPage(match.endpoint)) break;
    nearest = nearest.replace(/[^/]*\/?$/, "") || "/";
  }
  return nearest;
}

/** If only the path with a final slash is an endpoint, a redirect leads there. */
function matchOf(router: Router, path: string): Match | undefined {
  const decoded = decodePath(path);
  return decoded === null ? undefined : (router(decoded) ?? router(`${decoded}/`));
}

/** Whether a browser with a session always gets a page. A page may need a link, mail, or a setting; a download is none. */
function hasPage({ routes }: Endpoint): boolean {
  return routes.some(
    ({ method, surface: { readsSession, audience }, guard }) =>
      method === "GET" &&
      readsSession &&
      audience !== "programs" &&
      !isByLink(guard) &&
      !isByMail(guard) &&
      guard !== deletionEnabled &&
      guard !== recentDownload,
  );
}
