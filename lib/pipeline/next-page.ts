import type { Endpoint, Match, Router } from "../context.ts";
import { decodePath, ownPath, parseTarget } from "../http/address.ts";
import { setupToken } from "./guards.ts";

/**
 * The path that `next` names, if a browser may be sent there after a login: a page of ours, or a path of this origin that
 * is not ours and so belongs to the application beside us. Else null.
 */
export function nextPath(router: Router, reference: string): string | null {
  const path = ownPath(reference);
  if (path === null) return null;
  const match = matchOf(router, parseTarget(path).path);
  return match === undefined || hasPage(match.endpoint) ? path : null;
}

/** The nearest path, from this one upwards, that has a page: for `/sessions/ID/`, `/sessions/`. At last `/`. */
export function nearestPage(router: Router, path: string): string {
  let nearest = path;
  while (nearest !== "/") {
    const match = matchOf(router, nearest);
    if (match !== undefined && hasPage(match.endpoint)) break;
    nearest = nearest.replace(/[^/]*\/?$/, "") || "/";
  }
  return nearest;
}

/** With its final slash or without: that is where a redirect leads. */
function matchOf(router: Router, path: string): Match | undefined {
  const decoded = decodePath(path);
  return decoded === null ? undefined : (router(decoded) ?? router(`${decoded}/`));
}

/** Whether a browser with a session gets a page there. Once a user exists, there is none at the set-up. */
function hasPage({ routes }: Endpoint): boolean {
  return routes.some(({ method, surface, guard }) => method === "GET" && surface.readsSession && guard !== setupToken);
}
