import type { Examples } from "../../db/addresses.ts";
import type { Content } from "../../db/inspect.ts";
import type { Finding } from "./findings.ts";
import { formatCount, plural } from "./progress.ts";

/**
 * Addresses and usernames by which two users could be confused. They are from an import, or from the time before mail.
 *
 * @param hasMail whether the login takes addresses
 */
export function addressFindings({ sharedEmails, usernamesOfOthers }: Content, hasMail: boolean): Finding[] {
  const findings: Finding[] = [];
  if (sharedEmails.count > 0) {
    const message =
      `Several users have the same email address: ${listOf(sharedEmails)}. One of them can confirm it. Until then, ` +
      "they get a link for a new password by the username alone.";
    findings.push({ level: "info", code: "shared_emails", message, mend: "edituser" });
  }
  if (usernamesOfOthers.count > 0) {
    const message =
      `${plural(usernamesOfOthers.count, "username")} that another user has as the address: ${listOf(usernamesOfOthers)}. ` +
      "The login takes a username before an address, so that user cannot log in by it, nor confirm it.";
    const level = hasMail ? "unsafe" : "info";
    findings.push({ level, code: "username_is_address", message, mend: "edituser" });
  }
  return findings;
}

function listOf({ count, texts }: Examples): string {
  const more = count - texts.length;
  return texts.join(", ") + (more > 0 ? ` and ${formatCount(more)} more` : "");
}
