import type { TokenPurpose } from "../../db/schema.ts";
import type { Template } from "../pages/mail.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** The link in a mail. */
export interface Link {
  /** What its token is for. */
  purpose: TokenPurpose;
  /** The page that it opens. */
  path: string;
  lifetimeMs: number;
}

const RESET: Link = { purpose: "password_reset", path: "/password/reset/confirm/", lifetimeMs: 30 * MINUTE_MS };
const NOT_ME: Link = { purpose: "not_me", path: "/not-me/", lifetimeMs: 7 * DAY_MS };

export const LINKS: Readonly<Record<Template, Link>> = {
  signup: { purpose: "signup", path: "/signup/confirm/", lifetimeMs: DAY_MS },
  signup_known: RESET,
  invite: { purpose: "invite", path: "/signup/confirm/", lifetimeMs: 7 * DAY_MS },
  password_reset: RESET,
  secured: RESET,
  email_change: { purpose: "email_change", path: "/email/confirm/", lifetimeMs: DAY_MS },
  email_changed: { purpose: "email_undo", path: "/not-me/", lifetimeMs: 7 * DAY_MS },
  new_device: NOT_ME,
  password_changed: NOT_ME,
  sessions_ended: NOT_ME,
  many_failures: NOT_ME,
  many_wrong_codes: NOT_ME,
  factor_added: NOT_ME,
  factor_removed: NOT_ME,
  recovery_code_used: NOT_ME,
  recovery_codes_made: NOT_ME,
  passkey_copied: NOT_ME,
};
