import { lockAddresses, setProvedEmail } from "../../db/addresses.ts";
import { deleteMailsOf, findWaitingMail } from "../../db/mails.ts";
import { consumeToken, listTokensOf } from "../../db/one-time-tokens.ts";
import type { Db, TransactionDb } from "../../db/open.ts";
import { lockUser, type User } from "../../db/users.ts";
import { type Actor, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import { hashToken } from "../crypto/token.ts";
import { Problem } from "../http/problem.ts";
import { enqueue } from "../mail/enqueue.ts";
import { readFacts } from "../mail/facts.ts";
import type { Services } from "../services.ts";
import { authorizedTransaction } from "../session/authorized.ts";
import { editUser, SAME_GROUPS } from "./edit-user.ts";
import { canProve } from "./email.ts";
import { normalizeEmail } from "./user-fields.ts";
import { cancelEmailChange, voidLinksToFormer } from "./void-links.ts";

type Needs = Pick<Services, "db" | "config" | "keys" | "mail" | "now">;

/** What users change in their own profiles. A field that is undefined stays. */
export interface OwnChanges {
  firstName?: string | undefined;
  lastName?: string | undefined;
  email?: string | undefined;
}

/**
 * Whether a change has to go through `requestEmailChange`: mail is on, and the address is another one. Letters in another
 * case before the `@` make another address, since a mail server may tell them apart (RFC 5321 §2.4).
 */
export function isNewAddress({ mail }: Pick<Services, "mail">, user: User, email: string | undefined): email is string {
  return mail !== null && email !== undefined && normalizeEmail(email) !== normalizeEmail(user.email);
}

/**
 * Changes a user's own names at once, and asks the new address whether it is the user's. The stored address stays until
 * then, and an earlier request is void. Whether another user has the address makes no difference here. An empty address
 * replaces the stored one at once, and the stored one gets a mail.
 *
 * @param changes `email` as `isNewAddress` allows
 * @param language of the request; the user's own comes first
 * @returns the user as stored now; null if the user was deleted
 * @throws Problem throttled if too many former addresses can still undo a change; not_authenticated as
 *   `authorizedTransaction`
 */
export async function requestEmailChange(
  services: Needs,
  by: Actor,
  user: User,
  { email, ...names }: OwnChanges & { email: string },
  language: string,
): Promise<User | null> {
  const next = normalizeEmail(email);
  const stored = next === "" ? { ...names, email: next } : names; // `editUser` makes the links to the former one void.
  const changed = await editUser(services, by, user, stored, SAME_GROUPS, async (db, before) => {
    await requireUndoPlace(db, services, before);
    await cancelEmailChange(db, before);
    const post = { user: before, language: before.language || language, facts: { email: next } };
    if (next === "") {
      await tellFormerAddress(db, services, by, before, post);
      return [];
    }
    await enqueue(db, services, by, { ...post, purpose: "email_change", address: next });
    return [{ kind: "email_change_requested", subject: userSubject(before) }];
  });
  services.mail?.wake();
  return changed;
}

/** The address that a user has asked for and not proved yet; null for none. */
export async function findPendingEmail(
  { db, now }: Pick<Services, "db" | "now">,
  { id }: Pick<User, "id">,
): Promise<string | null> {
  // Both are there if a mail is sent again. Then they are of one request.
  const mail = await findWaitingMail(db, id, "email_change");
  const [token] = await listTokensOf(db, id, "email_change", { now: now(), limit: 1 });
  const facts = mail?.facts ?? token?.facts;
  return facts === undefined ? null : (readFacts(facts).email ?? null);
}

/**
 * Makes the user's link to a new address void, sent or not. If there is none, nothing happens.
 *
 * @throws Problem not_authenticated as `authorizedTransaction`
 */
export function cancelOwnEmailChange(services: Needs, by: Actor, user: User): Promise<void> {
  return authorizedTransaction(services, by, async (db) => {
    const before = await lockUser(db, user.id);
    if (before === null) throw new Problem("not_authenticated"); // Deleted since this request began.
    const isPending = (await findPendingEmail({ db, now: services.now }, before)) !== null;
    await cancelEmailChange(db, before);
    if (isPending) await recordBy(db, services, by, { kind: "email_change_cancelled", subject: userSubject(before) });
  });
}

/**
 * Uses the link in a mail to a new address: the address is stored as a proved one. Links for a new password that the
 * former address has got are void, and the former address gets a mail.
 *
 * @param link as the guard found it
 * @param language of the request; the user's own comes first
 * @throws Problem invalid_link if it was used meanwhile, or the user deactivated; email_taken if another user has proved
 *   the address, or has it as the username; nothing has changed then
 */
export function confirmEmail(
  services: Needs,
  by: Actor,
  { token, user }: { token: string; user: Pick<User, "id"> },
  language: string,
): Promise<User> {
  const { now } = services;
  return authorizedTransaction(services, by, async (db) => {
    const before = await lockUser(db, user.id);
    await deleteMailsOf(db, user.id, ["email_change"]);
    const consumed = await consumeToken(db, "email_change", hashToken(token), now());
    if (before === null || consumed === null) throw new Problem("invalid_link");
    const { email = "" } = readFacts(consumed.facts);
    await lockAddresses(db);
    if (!(await canProve(db, email, before.id))) throw new Problem("email_taken");
    const changed = await setProvedEmail(db, before.id, email, now());
    if (changed === null) throw new Problem("invalid_link");
    const post = { user: before, language: before.language || language, facts: { email } };
    if (normalizeEmail(before.email) !== email) {
      await voidLinksToFormer(db, by, before);
      await tellFormerAddress(db, services, by, before, post);
    }
    await recordBy(db, services, by, { kind: "email_changed", subject: userSubject(before) });
    return changed;
  });
}

/**
 * The former address gets a link that restores it. The link of an earlier change makes those of later ones void. So they
 * are in the order of the changes, although the clocks of two nodes differ.
 */
async function tellFormerAddress(
  db: TransactionDb,
  services: Needs,
  by: Actor,
  { id, email }: User,
  post: { user: User; language: string; facts: { email: string } },
): Promise<void> {
  if (email === "") return;
  const waiting = await findWaitingMail(db, id, "email_changed");
  const [newest] = await listTokensOf(db, id, "email_undo", { now: services.now(), limit: 1 });
  const after = Math.max(waiting?.createdAt ?? 0, newest?.createdAt ?? 0);
  await enqueue(db, services, by, { ...post, purpose: "email_changed", address: email, after });
}

/** The most former addresses that can undo a change at the same time. The links last for a week. */
const MAX_UNDO_LINKS = 5;

/** An older link is not deleted for a newer one: it may be the owner's, and the changes a thief's. */
async function requireUndoPlace(db: Db, { now }: Needs, { id }: User): Promise<void> {
  const links = await listTokensOf(db, id, "email_undo", { now: now(), limit: MAX_UNDO_LINKS });
  const oldest = links.at(-1);
  if (oldest === undefined || links.length < MAX_UNDO_LINKS) return;
  throw new Problem("throttled", { seconds: Math.max(1, Math.ceil((oldest.expiresAt - now()) / 1000)) });
}
