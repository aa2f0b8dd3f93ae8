import { lockAddresses, setProvedEmail } from "../../db/addresses.ts";
import { deleteMailsOf, forgetNotices } from "../../db/mails.ts";
import { consumeToken, deleteTokensOf, type OneTimeToken } from "../../db/one-time-tokens.ts";
import { type TransactionDb, transaction } from "../../db/open.ts";
import { NOTICE_KINDS } from "../../db/schema.ts";
import { lockUser, setPassword, type User, updateUser } from "../../db/users.ts";
import { type Actor, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import { Problem } from "../http/problem.ts";
import { enqueue } from "../mail/enqueue.ts";
import { readFacts } from "../mail/facts.ts";
import { unusablePassword } from "../passwords/hasher.ts";
import type { Services } from "../services.ts";
import { forgetDevices } from "../throttle/forget.ts";
import { canProve, foldCase } from "./email.ts";
import { deleteLogins, endMostSessions } from "./end-sessions.ts";
import { removeNewFactors } from "./new-factors.ts";
import { cancelEmailChange, cancelLinks } from "./void-links.ts";

type Needs = Pick<Services, "db" | "config" | "keys" | "mail" | "now">;

// The user says: this was not me. So a thief may be logged in, know the password, and have changed the address.

/**
 * Uses the link "this was not me" of a notice. Every session of the user ends, every device is forgotten, and a change of
 * the address that waits is void. Second factors that were added since the notice are removed: a thief's own passkey would
 * let the thief in again. If the notice told of a change of the address, the former address is restored. If the
 * notice went to the present address, no password opens the account until the user sets one by the link that goes there
 * now. This logs no client in.
 *
 * @param link as the guard found it
 * @param language of the request, such as `it`; null for the user's own
 * @returns whether a link for a new password is sent, and whether a factor was removed. No link is sent if the account has
 *   another address by now: that may be the thief's, and the notice of that change has a link that restores the former one
 * @throws Problem invalid_link if the link was used or the user deactivated, also meanwhile: nothing has changed then, but
 *   as `changePassword`, most of a great many sessions may have ended
 */
export async function report(
  services: Needs,
  by: Actor,
  { stored, user: found }: { stored: OneTimeToken; user: User },
  language: string | null,
): Promise<Reported> {
  await endMostSessions(services, by, found, null);
  const { id } = found;
  const subject = userSubject(found);
  const { sentTo = "" } = readFacts(stored.facts);
  const isUndo = stored.purpose === "email_undo";
  const reported = await transaction(services.db, async (db) => {
    const user = await lockUser(db, id);
    // Before the tokens: a mail that is being sent has stored its token.
    if (isUndo) await deleteMailsOf(db, id, ["email_changed", ...NOTICE_KINDS], stored.createdAt);
    const used = await consumeToken(db, stored.purpose, stored.id, services.now());
    if (!user?.isActive || used === null) throw new Problem("invalid_link");
    await deleteLogins(db, user);
    await forgetDevices(db, user, null);
    await forgetNotices(db, id); // If a thief comes back within the hour, the owner must learn of it.
    await cancelEmailChange(db, user);
    const removed = await removeNewFactors(db, user, stored.createdAt);
    if (isUndo) await restoreEmail(db, services, user, { ...stored, sentTo });
    const isOwners = isUndo || foldCase(sentTo) === foldCase(user.email);
    const factors = { hasLostFactor: removed.events.length > 0, hasFactor: removed.hasFactor };
    const to = { address: sentTo, language: language ?? user.language };
    if (isOwners) await startReset(db, services, by, user, to, factors);
    const restored = isUndo ? [{ kind: "email_restored", subject } as const] : [];
    await recordBy(db, services, by, { kind: "reported", subject }, ...restored, ...removed.events);
    return { isResetSent: isOwners, ...factors };
  });
  services.mail?.wake();
  return reported;
}

/** What a report has done, besides what it always does. */
export interface Reported {
  isResetSent: boolean;
  hasLostFactor: boolean;
  /** Whether a second factor is left. */
  hasFactor: boolean;
}

/**
 * Stores a former address again. Its user has just read a mail to it, so it is proved, unless another user has proved it
 * since. Links that went to addresses of later changes are void, or a thief who changed the address twice could undo this.
 * Links to earlier addresses stay: if this address is the thief's own, they restore the owner's.
 */
async function restoreEmail(
  db: TransactionDb,
  { now }: Needs,
  { id }: User,
  { sentTo, createdAt }: { sentTo: string; createdAt: number },
): Promise<void> {
  await deleteTokensOf(db, id, ["email_undo", "not_me"], createdAt);
  await lockAddresses(db);
  if (await canProve(db, sentTo, id)) await setProvedEmail(db, id, sentTo, now());
  else await updateUser(db, id, { email: sentTo });
}

/** The thief may know the password. If it still opened the account, a thief could log in again and void the link. */
async function startReset(
  db: TransactionDb,
  services: Needs,
  by: Actor,
  user: User,
  to: { address: string; language: string },
  factors: Pick<Reported, "hasLostFactor" | "hasFactor">,
): Promise<void> {
  await cancelLinks(db, user);
  await setPassword(db, user.id, unusablePassword());
  await enqueue(db, services, by, {
    purpose: "password_reset",
    user,
    ...to,
    facts: { isSecured: true, ...factors },
  });
}
