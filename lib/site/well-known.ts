import type { Routed } from "../context.ts";
import { Problem } from "../http/problem.ts";
import type { Reply } from "../pipeline/reply.ts";
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
