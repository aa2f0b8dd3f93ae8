import { MAX_DECOY_MS } from "../passwords/hasher.ts";
import type { PasswordTally } from "../passwords/password-tally.ts";
import type { Finding } from "./findings.ts";
import { formatCount, plural } from "./progress.ts";

/** Findings about the stored passwords. None if Postern hashed them all. */
export function passwordFindings({ ours, readable, costs, unusable, empty, unreadable }: PasswordTally): Finding[] {
  const findings: Finding[] = [];
  const add = (level: Finding["level"], code: string, message: string, mend: string | null) =>
    findings.push({ level, code, message, mend });
  if (unreadable.size > 0) {
    const message = `With an unreadable password hash: ${countKinds(unreadable)}. These users cannot log in. Set a new password for each.`;
    add("error", "unreadable_hashes", message, "changepassword");
  }
  if (empty > 0) {
    const message = `With an empty password: ${plural(empty, "user")}. These users cannot log in. Set a password for each.`;
    add("error", "empty_passwords", message, "changepassword");
  }
  if (readable.size > 0) {
    const message = `With an imported password hash: ${countKinds(readable)}. The next login of a user replaces it.${digestRemark(readable)}`;
    add("info", "foreign_hashes", message, null);
  }
  const totalMs = [...costs.values()].reduce((sum, ms) => sum + ms, 0);
  if (totalMs > MAX_DECOY_MS) {
    const message = `Imported password hashes are costly: a wrong password would take about ${Math.round(totalMs / 1000)} s to hide which users have them. Postern spends ${MAX_DECOY_MS / 1000} s, so the time of a login shows users with the costliest ones. Set new passwords for these: ${costliestOf(costs)}.`;
    add("unsafe", "costly_hashes", message, "changepassword");
  }
  if (unusable > 0) {
    const message = `With an unusable password (!): ${plural(unusable, "user")}. To let one log in, set a password.`;
    add("info", "unusable_passwords", message, "changepassword");
  }
  if (ours > 0 && findings.length > 0) {
    add("info", "own_hashes", `With a password hash of Postern, argon2id: ${plural(ours, "user")}.`, null);
  }
  return findings;
}

const MAX_KINDS = 10;

/** `3 users (2 md5, 1 scrypt)`, the most frequent kind first. */
function countKinds(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].sort(([one, many], [other, few]) => few - many || (one < other ? -1 : 1));
  const total = sorted.reduce((sum, [, count]) => sum + count, 0);
  const kinds = sorted.slice(0, MAX_KINDS).map(([name, count]) => `${formatCount(count)} ${name}`);
  const rest = sorted.slice(MAX_KINDS).reduce((sum, [, count]) => sum + count, 0);
  if (rest > 0) kinds.push(`${formatCount(rest)} of other kinds`);
  return `${plural(total, "user")} (${kinds.join(", ")})`;
}

/** The three costliest schemes. */
function costliestOf(costs: ReadonlyMap<string, number>): string {
  const sorted = [...costs].sort(([, one], [, other]) => other - one);
  return sorted
    .slice(0, 3)
    .map(([name]) => name)
    .join(", ");
}

function digestRemark(readable: ReadonlyMap<string, number>): string {
  if (![...readable.keys()].some((name) => /(md5|sha1)$/.test(name) && !name.startsWith("pbkdf2"))) return "";
  return " If the database is stolen, MD5 and SHA-1 protect no password. Set a new password for users who no longer log in.";
}
