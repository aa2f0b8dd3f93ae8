import { deleteMailsOf } from "../../db/mails.ts";
import { deleteTokensOf } from "../../db/one-time-tokens.ts";
import type { TransactionDb } from "../../db/open.ts";
import type { User } from "../../db/users.ts";

/** Makes every link for a new password void, sent or not. Call it after the user is locked or changed. */
export async function cancelResets(db: TransactionDb, { id }: Pick<User, "id">): Promise<void> {
  await deleteMailsOf(db, id, ["password_reset"]);
  await deleteTokensOf(db, id, ["password_reset"]);
}
