import { findProvedUser, listUsersByEmail, listUsersNamed } from "../../db/addresses.ts";
import type { Db } from "../../db/open.ts";
import type { User } from "../../db/users.ts";

/**
 * An address as addresses are compared: ASCII letters in lower case, everything else unchanged. A Unicode case mapping
 * would make two addresses of different people equal (CVE-2019-19844).
 */
export function foldCase(address: string): string {
  return address.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/**
 * The account of an address: the one that has proved it, else the only one that has it. Mail for it goes to its stored
 * spelling.
 *
 * @returns null also if several accounts have the address, and none has proved it
 */
export async function findUserByAddress(db: Db, address: string): Promise<User | null> {
  const folded = foldCase(address);
  const proved = await findProvedUser(db, folded);
  const [first, second] = await listUsersByEmail(db, folded, 2);
  return proved ?? (second === undefined ? (first ?? null) : null);
}

// The login takes a username or a proved address. So none of them may be another user's. `looksLikeOtherAddress` is the
// rule for a name that a person chooses.

/**
 * Whether a username is the address of another user, proved or not. For names that an operator gives. If the answer has to
 * last, call it after `lockAddresses`.
 *
 * @param username in NFKC
 * @param userId the user of the name; null for a new user
 */
export async function isAddressOfOther(db: Db, username: string, userId: number | null): Promise<boolean> {
  if (!username.includes("@")) return false;
  return (await listUsersByEmail(db, foldCase(username), 2)).some(({ id }) => id !== userId);
}

/**
 * Whether a user can have an address as a proved one: no other user has proved it, or has it as the username. If the
 * answer has to last, call it after `lockAddresses`.
 *
 * @param userId null if the user is new
 */
export async function canProve(db: Db, address: string, userId: number | null): Promise<boolean> {
  const folded = foldCase(address);
  const proved = await findProvedUser(db, folded);
  const named = await listUsersNamed(db, folded, 2);
  return [proved, ...named].every((user) => user === null || user.id === userId);
}
