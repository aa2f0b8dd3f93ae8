import { transaction } from "../../db/open.ts";
import type { Actor } from "../audit/actor.ts";
import { enqueue } from "../mail/enqueue.ts";
import type { Services } from "../services.ts";
import { normalizeEmail } from "./user-fields.ts";

/**
 * Sends the link of a sign-up to an address. Whether the address has an account makes no difference here: the mailer looks,
 * and then sends a link for a new password instead. So no caller learns it from the answer, or from the work before it.
 *
 * @param language of the request
 */
export async function sendSignupLink(
  services: Pick<Services, "db" | "now" | "mail">,
  by: Actor,
  email: string,
  language: string,
): Promise<void> {
  const post = { purpose: "signup", user: null, address: normalizeEmail(email), language } as const;
  await transaction(services.db, (db) => enqueue(db, services, by, post));
  services.mail?.wake();
}
