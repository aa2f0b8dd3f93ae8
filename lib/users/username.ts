import type { Db } from "../../db/open.ts";
import { findUser, type User } from "../../db/users.ts";
import { foldCase } from "./email.ts";

/** NFKC, the stored form of a username: Django's `AbstractBaseUser.normalize_username`. */
export function normalizeUsername(text: string): string {
  return text.normalize("NFKC");
}

/**
 * The stored form of a typed username. An import may have stored a name that is not normalized: if a user has the name
 * exactly as typed, that name wins. The cost is the same whether or not a user has the name.
 */
export async function resolveUsername(db: Db, typed: string): Promise<string> {
  const normalized = normalizeUsername(typed);
  if (normalized === typed) return typed;
  return (await findUser(db, typed)) === null ? normalized : typed;
}

/** @returns null if no user has the name, as typed or in NFKC */
export async function findTypedUser(db: Db, typed: string): Promise<User | null> {
  return findUser(db, await resolveUsername(db, typed));
}

/**
 * Whether a username could be taken for the address of another person: it has an `@` and is not the user's own address. A
 * login takes an address too, so such a name would catch the logins of that person.
 *
 * @param email the user's own; empty if there is none
 */
export function looksLikeOtherAddress(username: string, email: string): boolean {
  const name = normalizeUsername(username);
  return name.includes("@") && foldCase(name) !== foldCase(email);
}
