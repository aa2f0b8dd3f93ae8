import type { Db } from "../../db/open.ts";
import { findProvedUser, listUsersByEmail, type User } from "../../db/users.ts";

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
