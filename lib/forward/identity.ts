import type { Auth, Full } from "../context.ts";
import { Problem } from "../http/problem.ts";
import type { Identity } from "../users/identity.ts";

/** As `GET /auth/` answers. */
export function identityOf({ session, user, groups, provenAt }: Full): Identity {
  return {
    id: user.id,
    username: user.username,
    email: user.email,
    first_name: user.firstName,
    last_name: user.lastName,
    groups: groups ?? [],
    is_staff: user.isStaff,
    is_superuser: user.isSuperuser,
    logged_in_at: new Date(session.createdAt).toISOString(),
    proved_at: new Date(provenAt).toISOString(),
    expires_at: new Date(session.expiresAt).toISOString(),
  };
}

/** The same keys without a user, for an application that lets everyone in. */
export const ANONYMOUS: Record<keyof Identity, unknown> = {
  id: null,
  username: "",
  email: "",
  first_name: "",
  last_name: "",
  groups: [],
  is_staff: false,
  is_superuser: false,
  logged_in_at: null,
  proved_at: null,
  expires_at: null,
};

/**
 * Sets every header that tells an application who asks. Without a user they are empty, not absent: a proxy copies them
 * over those that a client sent.
 *
 * @param assertion empty without a user
 */
export function setIdentityHeaders(headers: Headers, auth: Auth, assertion: string): void {
  const full = auth.level === "full" ? auth : null;
  headers.set("Remote-User", headerText(full?.user.username ?? ""));
  headers.set("Remote-Id", full === null ? "" : String(full.user.id));
  headers.set("Remote-Name", headerText(full === null ? "" : `${full.user.firstName} ${full.user.lastName}`.trim()));
  headers.set("Remote-Email", headerText(full?.user.email ?? ""));
  headers.set("Remote-Groups", headerText(full?.groups?.join(",") ?? ""));
  headers.set("Postern-Assertion", assertion);
}

const HEADERS = ["Remote-User", "Remote-Id", "Remote-Name", "Remote-Email", "Remote-Groups", "Postern-Assertion"];

const DISGUISED = HEADERS.map((identity) => ({ identity, header: identity.replace("-", "_") }));

/**
 * Denies a client's header whose name differs from an identity header by an underscore. WSGI, CGI and Rack turn a hyphen
 * into an underscore, so an application behind them gets both values as one (CVE-2015-0219).
 *
 * @throws Problem disguised_header
 */
export function requireNoDisguise(headers: Headers): void {
  const found = DISGUISED.find(({ header }) => headers.has(header));
  if (found !== undefined) throw new Problem("disguised_header", found);
}

/** UTF-8, one character a byte as `Headers` wants it. A control character would end the header, so it becomes a space. */
function headerText(text: string): string {
  if (/^[ -~]*$/.test(text)) return text;
  return Buffer.from(text.replace(/\p{Cc}/gu, " "), "utf8")
    .toString("latin1")
    .trim();
}
