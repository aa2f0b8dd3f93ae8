import { deleteMailsOf } from "../../db/mails.ts";
import { deleteTokensOf } from "../../db/one-time-tokens.ts";
import type { TransactionDb } from "../../db/open.ts";
import { NOTICE_KINDS } from "../../db/schema.ts";
import type { User } from "../../db/users.ts";
import type { Actor } from "../audit/actor.ts";

// Links that a change of the account makes void. Call these functions after the user is locked.

/** Makes the link to a new address void, sent or not. */
export function cancelEmailChange(db: TransactionDb, user: Pick<User, "id">): Promise<void> {
  return cancel(db, user, ["email_change"]);
}

/**
 * Makes every link for a new password or to a new address void, sent or not. A thief may have asked for it before the owner
 * got the account back.
 */
export function cancelLinks(db: TransactionDb, user: Pick<User, "id">): Promise<void> {
  return cancel(db, user, ["password_reset", "email_change"]);
}

async function cancel(
  db: TransactionDb,
  { id }: Pick<User, "id">,
  purposes: readonly ("password_reset" | "email_change")[],
): Promise<void> {
  await deleteMailsOf(db, id, purposes);
  await deleteTokensOf(db, id, purposes);
}

/**
 * Makes links to a new password or a new address void, sent or not. If the user changes the address, the former one can
 * still undo the change. If an operator does, every link to a former address is void: its mailbox may be the reason.
 */
export async function voidLinksToFormer(db: TransactionDb, by: Actor, user: Pick<User, "id">): Promise<void> {
  await cancelLinks(db, user);
  if (by.kind !== "operator") return;
  await deleteMailsOf(db, user.id, ["email_changed", ...NOTICE_KINDS]);
  await deleteTokensOf(db, user.id, ["email_undo", "not_me"]);
}
