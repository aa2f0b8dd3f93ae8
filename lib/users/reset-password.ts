import { lockAddresses, setProvedEmail } from "../../db/addresses.ts";
import { deleteMailsOf, forgetNotices } from "../../db/mails.ts";
import { consumeToken, deleteTokensOf } from "../../db/one-time-tokens.ts";
import { type TransactionDb, transaction } from "../../db/open.ts";
import { type Credentials, lockUser, setPassword, type User } from "../../db/users.ts";
import { type Actor, unknownSubject, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import { hashToken } from "../crypto/token.ts";
import { Problem } from "../http/problem.ts";
import { enqueue } from "../mail/enqueue.ts";
import { readFacts } from "../mail/facts.ts";
import { notify } from "../mail/notify.ts";
import type { AcceptedPassword } from "../passwords/password-rules.ts";
import type { Caller } from "../passwords/semaphore.ts";
import type { Services } from "../services.ts";
import { forgetDevices } from "../throttle/forget.ts";
import { canProve, foldCase } from "./email.ts";
import { deleteLogins, endMostSessions } from "./end-sessions.ts";
import { findNamedAccount } from "./find-account.ts";

/**
 * Sends the link for a new password to the address of an account. Whether there is such an account, or whether it is
 * active and has an address, makes no difference here: the mailer drops a mail without a recipient. So no caller learns it
 * from the answer, or from the work before it.
 *
 * @param typed a username or an address
 * @param language of the request; the user's own comes first
 */
export async function requestReset(
  services: Pick<Services, "db" | "keys" | "now" | "mail">,
  by: Actor,
  typed: string,
  language: string,
): Promise<void> {
  await transaction(services.db, async (db) => {
    const user = await findNamedAccount(db, typed);
    const subject = user === null ? unknownSubject() : userSubject(user);
    await enqueue(db, services, by, { purpose: "password_reset", user, language: user?.language || language });
    await recordBy(db, services, by, { kind: "reset_requested", subject });
  });
  services.mail?.wake();
}

/**
 * Sets a new password by a link, which is used. Every session of the user ends, every device is forgotten, and the user's
 * other links for a new password or to a new address are void. If the link went to the present address, the address is proved.
 *
 * @param caller how the new password waits for its hash
 * @throws Problem invalid_link if the link was used or the user deactivated, also meanwhile: nothing has changed then, but
 *   as `changePassword`, most of a great many sessions may have ended; overloaded
 */
export async function resetPassword(
  services: Pick<Services, "db" | "config" | "keys" | "hasher" | "mail" | "now">,
  by: Actor,
  { token, user: found }: { token: string; user: User },
  password: AcceptedPassword,
  caller: Caller,
): Promise<Credentials> {
  const encoded = await services.hasher.hash(password, caller);
  await endMostSessions(services, by, found, null);
  return transaction(services.db, async (db) => {
    const { id } = found;
    const user = await lockUser(db, id);
    await deleteMailsOf(db, id, ["password_reset", "email_change"]);
    const used = await consumeToken(db, "password_reset", hashToken(token), services.now());
    if (!user?.isActive || used === null) throw new Problem("invalid_link");
    await deleteTokensOf(db, id, ["email_change"]);
    await setPassword(db, id, encoded);
    await deleteLogins(db, user);
    await forgetDevices(db, user, null);
    await prove(db, services, user, readFacts(used.facts).sentTo ?? "");
    await notify(db, services, by, user, "password_changed");
    await forgetNotices(db, id); // If a thief comes back within the hour, the owner must learn of it.
    await recordBy(db, services, by, { kind: "password_reset", subject: userSubject(user) });
    return { user, password: encoded };
  });
}

/** The user has read a mail to this address. */
async function prove(
  db: TransactionDb,
  { now }: Pick<Services, "now">,
  { id, email }: User,
  address: string,
): Promise<void> {
  if (foldCase(address) !== foldCase(email)) return;
  await lockAddresses(db);
  if (await canProve(db, email, id)) await setProvedEmail(db, id, email, now());
}
