import type { Routed } from "../context.ts";
import { Problem } from "../http/problem.ts";
import type { Reply } from "../pipeline/reply.ts";
import { redirect, text } from "../pipeline/responses.ts";

/** RFC 9116 §2.5.5 asks for less than a year, so that what nobody tends any more is known for stale. */
const SECURITY_TXT_MS = 90 * 24 * 60 * 60 * 1000;

/** `GET /.well-known/change-password`: where password managers send people (W3C, A Well-Known URL for Changing Passwords). */
export function changePasswordUrl(): Reply {
  return redirect("/password/change/", { status: 302 });
}

/** `GET /robots.txt`: nothing here is for search engines (RFC 9309). */
export function robots(): Reply {
  return text("User-agent: *\nDisallow: /\n");
}

/** `GET /.well-known/security.txt`: whom to tell of a hole (RFC 9116). @throws Problem not_found where no setting says */
export function securityTxt({ services: { config, now } }: Routed): Reply {
  const { securityContact, publicUrl } = config;
  if (securityContact === null) throw new Problem("not_found");
  const lines = [`Contact: ${securityContact}`, `Expires: ${new Date(now() + SECURITY_TXT_MS).toISOString()}`];
  if (publicUrl !== null) lines.push(`Canonical: ${publicUrl}/.well-known/security.txt`);
  return text(`${lines.join("\n")}\n`);
}
