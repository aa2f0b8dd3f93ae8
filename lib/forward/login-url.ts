import type { Config } from "../config/config.ts";
import type { Authenticated } from "../context.ts";
import type { Conditions, Denial } from "./conditions.ts";
import type { OriginalRequest } from "./original-request.ts";

/** Proxies buffer a few kilobytes of an answer's headers, and some browsers limit a URL. */
const MAX_NEXT_CHARACTERS = 2000;

/**
 * The page that helps after a denial, absolute if PUBLIC_URL is set: the login, a proof of a user who is logged in, or the
 * set-up of a second factor.
 *
 * @param next where it leads afterwards; null for the default page. After a set-up, no page does.
 */
export function helpUrl(
  context: Authenticated,
  denial: Denial,
  { maxAgeSeconds }: Conditions,
  next: string | null,
): string {
  const { auth } = context;
  const mayProve = denial === "second_factor_required" && auth.level === "full" && auth.user.hasSecondFactor;
  if (denial === "recent_login_required") return pageUrl(context, "/reauth/", { next });
  if (mayProve) return pageUrl(context, "/reauth/", { next, factors: "2" });
  if (denial === "second_factor_required" || denial === "second_factor_setup_required")
    return pageUrl(context, "/security/", {});
  // If another tab has an older login meanwhile, the login page shows its form, because of `max_age`.
  return pageUrl(context, "/login/", { next, max_age: maxAgeSeconds === null ? null : String(maxAgeSeconds) });
}

/** Without the parameters that are null. */
export function pageUrl(
  { services }: Authenticated,
  path: string,
  parameters: Readonly<Record<string, string | null>>,
): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== null) query.set(name, value);
  return `${services.config.publicUrl ?? ""}${path}${query.size === 0 ? "" : `?${query}`}`;
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
