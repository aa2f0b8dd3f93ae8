import type { Routed } from "../context.ts";
import { Problem } from "../http/problem.ts";
import { relyingPartyOf } from "../pipeline/relying-party.ts";
import { type Reply, reply } from "../pipeline/reply.ts";
import { redirect, text } from "../pipeline/responses.ts";

/** 90 days. RFC 9116 §2.5.5 recommends less than a year, so that a stale file is recognised. */
const SECURITY_TXT_MS = 90 * 24 * 60 * 60 * 1000;

/** `GET /.well-known/change-password`, for password managers (W3C, A Well-Known URL for Changing Passwords). */
export function changePasswordUrl(): Reply {
  return redirect("/password/change/", { status: 302 });
}

/** `GET /robots.txt`: no page is for search engines (RFC 9309). */
export function robots(): Reply {
  return text("User-agent: *\nDisallow: /\n");
}

/** `GET /.well-known/security.txt` (RFC 9116). @throws Problem not_found if POSTERN_SECURITY_CONTACT is unset */
export function securityTxt({ services: { config, now } }: Routed): Reply {
  const { securityContact, publicUrl } = config;
  if (securityContact === null) throw new Problem("not_found");
  const lines = [`Contact: ${securityContact}`, `Expires: ${new Date(now() + SECURITY_TXT_MS).toISOString()}`];
  if (publicUrl !== null) lines.push(`Canonical: ${publicUrl}/.well-known/security.txt`);
  return text(`${lines.join("\n")}\n`);
}

/**
 * `GET /.well-known/passkey-endpoints`: where a password manager can lead a user to add or remove a passkey (W3C, A
 * Well-Known URL for Relying Party Passkey Endpoints).
 *
 * @throws Problem not_found if passkeys are not possible
 */
export function passkeyEndpoints(context: Routed): Reply {
  const [origin] = relyingPartyOf(context)?.origins ?? [];
  if (origin === undefined) throw new Problem("not_found");
  const url = `${origin}/security/`;
  return document({ enroll: url, manage: url });
}

/**
 * `GET /.well-known/webauthn`: the other origins that may use the passkeys (WebAuthn Level 3 §5.11.1).
 *
 * @throws Problem not_found if POSTERN_PASSKEY_ORIGINS is unset
 */
export function relatedOrigins({ services: { config } }: Routed): Reply {
  if (config.passkeyOrigins.size === 0) throw new Problem("not_found");
  return document({ origins: [...config.passkeyOrigins] });
}

function document(value: unknown): Reply {
  return reply(new Response(JSON.stringify(value), { headers: { "Content-Type": "application/json" } }));
}
