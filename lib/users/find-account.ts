import { findProvedUser } from "../../db/addresses.ts";
import type { Db } from "../../db/open.ts";
import { findUser, type User } from "../../db/users.ts";
import type { Services } from "../services.ts";
import { findUserByAddress, foldCase } from "./email.ts";
import { findTypedUser, resolveUsername } from "./username.ts";

/**
 * The account that a person names by a username or by an address. A username may look like the address of another user:
 * then the user of the proved address comes before the user of the name. The statements are the same for every text.
 */
export async function findNamedAccount(db: Db, typed: string): Promise<User | null> {
  const byName = await findTypedUser(db, typed);
  const byAddress = await findUserByAddress(db, typed);
  return byAddress !== null && byAddress.emailProvedAt !== null ? byAddress : (byName ?? byAddress);
}

/** The account that a login names. */
export interface NamedLogin {
  /** Of the account; if there is none, a name that no user has. */
  username: string;
  /** The name under which the throttle counts the attempt. */
  counted: string;
}

/**
 * The account that a person or a program names at the login: by its username, or with mail by an address that it has proved.
 * The username comes first, as in Django. A program's text is exact; a person's username may be typed in another form of
 * Unicode.
 *
 * An account has one count of failures: an address gives no more guesses than the username. Every spelling of a text with
 * an `@` is counted together, whether or not there is such an account. The statements are the same for all texts of one
 * form.
 */
export async function resolveLogin(
  { db, mail }: Pick<Services, "db" | "mail">,
  typed: string,
  isPerson: boolean,
): Promise<NamedLogin> {
  const username = isPerson ? await resolveUsername(db, typed) : typed;
  if (mail === null || !username.includes("@")) return { username, counted: username };
  const named = await findUser(db, username);
  const proved = await findProvedUser(db, foldCase(username));
  if (named !== null) return { username, counted: username };
  if (proved === null) return { username, counted: foldCase(username) };
  // Another form of Unicode is another address (CVE-2019-19844). It is counted at the account that it looks like.
  const isAddress = foldCase(typed) === foldCase(proved.email);
  return { username: isAddress ? proved.username : username, counted: proved.username };
}
