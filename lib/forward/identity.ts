import type { Auth, Full } from "../context.ts";
import { Problem } from "../http/problem.ts";
import type { Identity } from "../users/identity.ts";

/** As `GET /auth/` answers. */
export function identityOf({ session, user, groups }: Full): Identity {
  return {
    id: user.id,
    username: user.username,
    email: user.email,
    email_verified: user.emailProvedAt !== null,
    first_name: user.firstName,
    last_name: user.lastName,
    groups: groups ?? [],
    is_staff: user.isStaff,
    is_superuser: user.isSuperuser,
    logged_in_at: new Date(session.createdAt).toISOString(),
    proved_at: new Date(session.provedAt).toISOString(),
    amr: session.amr.split(" "),
    expires_at: new Date(session.expiresAt).toISOString(),
  };
}

/** The same keys without a user, for an application that lets everyone in. */
export const ANONYMOUS: Record<keyof Identity, unknown> = {
  id: null,
  username: "",
  email: "",
  email_verified: false,
  first_name: "",
  last_name: "",
  groups: [],
  is_staff: false,
  is_superuser: false,
  logged_in_at: null,
  proved_at: null,
  amr: [],
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

const BY_NAME = new Map(HEADERS.map((identity) => [identity.toLowerCase(), identity]));

/**
 * Denies a client's header that an application may read as an identity header. WSGI, CGI and Rack turn a hyphen into an
 * underscore, some servers each other character too, and then both values are one (CVE-2015-0219).
 *
 * @throws Problem lookalike_header
 */
export function requireNoLookalike(headers: Headers): void {
  for (const header of headers.keys()) {
    if (!/^(remote|postern)[^-]/.test(header)) continue;
    const identity = BY_NAME.get(header.replace(/[^a-z0-9]/g, "-"));
    if (identity !== undefined) throw new Problem("lookalike_header", { header, identity });
  }
}

/** UTF-8, one character a byte as `Headers` wants it. A control character would end the header, so it becomes a space. */
function headerText(text: string): string {
  if (/^[ -~]*$/.test(text)) return text;
  // Trimmed first: as Latin-1, the last byte of "à" is a space.
  const clean = text.replace(/\p{Cc}/gu, " ").trim();
  return Buffer.from(clean, "utf8").toString("latin1");
}
