import { insertMail } from "../../db/mails.ts";
import type { TransactionDb } from "../../db/open.ts";
import type { MailPurpose } from "../../db/schema.ts";
import type { User } from "../../db/users.ts";
import type { Actor } from "../audit/actor.ts";
import { generateToken } from "../crypto/token.ts";
import type { Services } from "../services.ts";
import { deviceForMail } from "../session/user-agent.ts";
import type { Facts } from "./facts.ts";

/** A mail to be sent. */
export interface Post {
  purpose: MailPurpose;
  /** Null if it is about no user: then it goes to `address`, or nowhere if that is empty too. */
  user: Pick<User, "id"> | null;
  /** Empty for the user's own address at the time of sending. */
  address?: string;
  /** Such as `it`. */
  language: string;
  facts?: Pick<Facts, "email" | "groups" | "isStaff" | "isSecured" | "hasLostFactor" | "hasFactor">;
  /** The mail counts as stored after this instant, also if the clock of this node is behind. */
  after?: number | undefined;
}

/**
 * Stores a mail in the transaction that causes it. The mailer sends it after the commit: call `services.mail.wake()` then,
 * or it goes out a second later.
 */
export async function enqueue(
  db: TransactionDb,
  { now }: Pick<Services, "now">,
  by: Actor,
  { purpose, user, address = "", language, facts = {}, after = 0 }: Post,
): Promise<void> {
  const origin = "origin" in by ? by.origin : { address: "", browser: "", system: "" };
  const place = { address: origin.address, ...deviceForMail(origin) };
  const told: Facts = { at: now(), ...place, ...facts };
  await insertMail(db, {
    id: generateToken(),
    purpose,
    userId: user?.id ?? null,
    address,
    language,
    facts: JSON.stringify(told),
    createdAt: Math.max(told.at, after + 1),
  });
}
