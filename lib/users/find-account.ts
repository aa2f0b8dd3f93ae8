import type { Db } from "../../db/open.ts";
import type { User } from "../../db/users.ts";
import { findUserByAddress } from "./email.ts";
import { findTypedUser } from "./username.ts";

/**
 * The account that a person names by a username or by an address. A username may look like the address of another user:
 * the user who has proved the address has it, then the user of the name. The statements are the same for every text.
 */
export async function findNamedAccount(db: Db, typed: string): Promise<User | null> {
  const byName = await findTypedUser(db, typed);
  const byAddress = await findUserByAddress(db, typed);
  return byAddress !== null && byAddress.emailProvedAt !== null ? byAddress : (byName ?? byAddress);
}
