import type { Endpoint, Match, Router } from "../context.ts";
import { decodePath, ownPath, parseTarget } from "../http/target.ts";
import { setupToken } from "./guards.ts";

/**
 * The path that `next` names, if a login may redirect to it: a page of Postern, or a path of this origin that is no
 * endpoint of Postern and so belongs to the application. Else null.
 */
export function nextPath(router: Router, reference: string): string | null {
  const path = ownPath(reference);
  if (path === null) return null;
  const match = matchOf(router, parseTarget(path).path);
  return match === undefined || hasPage(match.endpoint) ? path : null;
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

/** Whether a browser with a session gets a page. The set-up has none once a user exists. */
function hasPage({ routes }: Endpoint): boolean {
  return routes.some(({ method, surface, guard }) => method === "GET" && surface.readsSession && guard !== setupToken);
}
