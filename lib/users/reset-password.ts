import { transaction } from "../../db/open.ts";
import { type Actor, unknownSubject, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import { enqueue } from "../mail/enqueue.ts";
import type { Services } from "../services.ts";
import { findNamedAccount } from "./find-account.ts";

/**
 * Sends the link for a new password to the address of an account. Whether there is such an account, or whether it is
 * active and has an address, makes no difference here: the mailer drops a mail without a recipient. So no caller learns it
 * from the answer, or from the work before it.
 *
 * @param typed a username or an address
 * @param language of the request; the user's own comes first
 */
export async function requestReset(
  services: Pick<Services, "db" | "keys" | "now" | "mail">,
  by: Actor,
  typed: string,
  language: string,
): Promise<void> {
  await transaction(services.db, async (db) => {
    const user = await findNamedAccount(db, typed);
    const subject = user === null ? unknownSubject() : userSubject(user);
    await enqueue(db, services, by, { purpose: "password_reset", user, language: user?.language || language });
    await recordBy(db, services, by, { kind: "reset_requested", subject });
  });
  services.mail?.wake();
}
