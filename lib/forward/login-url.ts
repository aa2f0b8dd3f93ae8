import type { Config } from "../config/config.ts";
import type { Authenticated } from "../context.ts";
import type { OriginalRequest } from "./original-request.ts";

/** Proxies buffer a few kilobytes of an answer's headers, and some browsers limit a URL. */
const MAX_NEXT_CHARACTERS = 2000;

/**
 * The address of the login, absolute if PUBLIC_URL is set.
 *
 * @param maxAgeSeconds if the login must be this recent, the login page is shown to a user who is logged in too
 * @param next where the login leads; null for the default page
 */
export function loginUrl({ services }: Authenticated, maxAgeSeconds: number | null, next: string | null): string {
  const parameters = new URLSearchParams();
  if (next !== null) parameters.set("next", next);
  if (maxAgeSeconds !== null) parameters.set("max_age", String(maxAgeSeconds));
  const query = parameters.toString();
  return `${services.config.publicUrl ?? ""}/login/${query === "" ? "" : `?${query}`}`;
}

/**
 * The page that the client asked for: a path if it is on Postern's own origin, a URL if the settings trust its origin.
 * The login page checks it again.
 *
 * @returns null if the login must not lead there; without its query if it is too long
 */
export function returnUrl({ publicUrl, trustedOrigins }: Config, { origin, path }: OriginalRequest): string | null {
  const isOwn = publicUrl === null || origin === publicUrl;
  if (!isOwn && !trustedOrigins.has(origin)) return null;
  const url = isOwn ? path : origin + path;
  const [withoutQuery = ""] = url.split("?", 1);
  return [url, withoutQuery].find((one) => encodeURIComponent(one).length <= MAX_NEXT_CHARACTERS) ?? null;
}
