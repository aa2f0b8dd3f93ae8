import type { Db } from "../../db/open.ts";
import { findUser, type User } from "../../db/users.ts";

/** The form in which a username is stored, as Django's `AbstractBaseUser.normalize_username` makes it. */
export function normalizeUsername(text: string): string {
  return text.normalize("NFKC");
}

/**
 * The stored name that a person means. A name that an import stored without normalising it is found as it is typed; any
 * other name is looked for in NFKC. The extra look-up is made whether or not a user has the name.
 */
export async function resolveUsername(db: Db, typed: string): Promise<string> {
  const normalized = normalizeUsername(typed);
  if (normalized === typed) return typed;
  return (await findUser(db, typed)) === null ? normalized : typed;
}

/** The user that a person means. */
export async function findTypedUser(db: Db, typed: string): Promise<User | null> {
  return findUser(db, await resolveUsername(db, typed));
}
