import { claimNotice } from "../../db/mails.ts";
import type { TransactionDb } from "../../db/open.ts";
import type { NoticeKind } from "../../db/schema.ts";
import type { User } from "../../db/users.ts";
import type { Actor } from "../audit/actor.ts";
import type { Services } from "../services.ts";
import { enqueue } from "./enqueue.ts";

/** A user gets at most one notice of each kind in this time. */
const EVERY_MS = 3_600_000;

/** Each of these may be a thief's, also shortly after the user's own. Only a user who is logged in can cause many. */
const EVERY_FACTOR_MS = 60_000;
const OF_FACTORS: readonly NoticeKind[] = [
  "factor_added",
  "factor_removed",
  "recovery_code_used",
  "recovery_codes_made",
];

type Needs = Pick<Services, "config" | "mail" | "now">;

/** As before the change: a thief chooses neither the address nor the language of the notice. */
type Recipient = Pick<User, "id" | "email" | "language">;

/**
 * Tells a user by mail what happened to the account, if the user is active and has proved the address. Call it in the
 * transaction of what happened, after the user's row is locked or changed, and before the audit event. The mailer finds
 * the mail within a second. Without mail, this costs no statement.
 */
export async function notify(
  db: TransactionDb,
  services: Needs,
  by: Actor,
  { id, email, language }: Recipient,
  kind: NoticeKind,
): Promise<void> {
  const { config, mail, now } = services;
  if (mail === null || (kind === "new_device" && !config.newDeviceNotices)) return;
  const everyMs = OF_FACTORS.includes(kind) ? EVERY_FACTOR_MS : EVERY_MS;
  const isDue = await claimNotice(db, { userId: id, email, kind }, { now: now(), everyMs });
  if (isDue) await enqueue(db, services, by, { purpose: kind, user: { id }, address: email, language });
}

/**
 * Tells a user that a wait has begun after many wrong passwords. A client must not learn whether the user exists. So there
 * are two statements in any case: if no notice is due, the second stores a mail to no address, which the mailer drops.
 *
 * @param user null if no user has the username
 */
export async function notifyOfFailures(
  db: TransactionDb,
  services: Needs,
  by: Actor,
  user: Recipient | null,
): Promise<void> {
  const { mail, now } = services;
  if (mail === null) return;
  const kind = "many_failures";
  const { id, email, language } = user ?? NO_USER;
  const isDue = await claimNotice(db, { userId: id, email, kind }, { now: now(), everyMs: EVERY_MS });
  const to = isDue ? { user: { id }, address: email } : { user: null };
  await enqueue(db, services, by, { purpose: kind, ...to, language });
}

/** No user has this id. */
const NO_USER: Recipient = { id: 0, email: "", language: "" };
