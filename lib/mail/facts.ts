import type { Template } from "../pages/mail.ts";

/** What a mail tells, and what its link may do. Stored as JSON, with the mail and with the token of its link. */
export interface Facts {
  /** When it was asked for, or happened: epoch milliseconds. */
  at: number;
  /** The client's IP address; empty if it is unknown. So are the next two. */
  address: string;
  browser: string;
  system: string;
  /** The mail and its recipient, as stored with the token. */
  template?: Template;
  sentTo?: string;
  /** The new address of `email_change`, and of `email_changed`, which goes to the old one. */
  email?: string;
  /** An invitation's. */
  groups?: readonly string[];
  isStaff?: boolean;
  /** Of a `password_reset`: a report "this was not me" has stopped the old password. */
  isSecured?: boolean;
  /** Whether that report has removed second factors, and whether one is left. */
  hasLostFactor?: boolean;
  hasFactor?: boolean;
}

/** @param stored as `JSON.stringify` made it of Facts */
export function readFacts(stored: string): Facts {
  return JSON.parse(stored) as Facts; // Only this module's types are stored.
}
