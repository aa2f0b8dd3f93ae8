import type { Group } from "../../db/groups.ts";
import { deleteMailsTo } from "../../db/mails.ts";
import { deleteTokensAbout } from "../../db/one-time-tokens.ts";
import type { User } from "../../db/users.ts";
import type { Actor } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import { enqueue } from "../mail/enqueue.ts";
import type { Services } from "../services.ts";
import { authorizedTransaction } from "../session/authorized.ts";
import { findUserByAddress, foldCase } from "./email.ts";
import { normalizeEmail } from "./user-fields.ts";

export interface Invitation {
  /** A valid address. */
  email: string;
  /** The groups of the user to come. */
  groups: readonly Group[];
  isStaff: boolean;
  /** Of the mail, such as `it`. */
  language: string;
}

/**
 * Sends the link of an invitation. It takes the place of an earlier one to the same address, so an address has one at a
 * time.
 *
 * @returns the user of the address, if there is one: nothing is sent then; else null
 * @throws Problem not_authenticated as `authorizedTransaction`
 */
export async function invite(
  services: Pick<Services, "db" | "config" | "keys" | "now" | "mail">,
  by: Actor,
  { email, groups, isStaff, language }: Invitation,
): Promise<User | null> {
  const address = normalizeEmail(email);
  const names = groups.map(({ name }) => name);
  const owner = await authorizedTransaction(services, by, async (db) => {
    const owner = await findUserByAddress(db, address);
    if (owner !== null) return owner;
    await deleteMailsTo(db, "invite", address);
    await deleteTokensAbout(db, "invite", foldCase(address));
    await enqueue(db, services, by, {
      purpose: "invite",
      user: null,
      address,
      language,
      facts: { groups: names, isStaff },
    });
    const detail = [...(isStaff ? ["is_staff"] : []), ...names].join(" ");
    await recordBy(db, services, by, { kind: "invited", subject: "mail", detail });
    return null;
  });
  services.mail?.wake();
  return owner;
}
