import { setTimeout as delay } from "node:timers/promises";
import { deleteLeasedMail, leaseMail, type Mail, postponeMail } from "../../db/mails.ts";
import { extendToken, insertToken } from "../../db/one-time-tokens.ts";
import { type TransactionDb, transaction } from "../../db/open.ts";
import { isOutage } from "../../db/outage.ts";
import { findUserById, type User } from "../../db/users.ts";
import { SYSTEM, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import { hashToken } from "../crypto/token.ts";
import { describeError } from "../observability/log.ts";
import { mailParts, type Template } from "../pages/mail.ts";
import type { Services } from "../services.ts";
import { mayMailUser } from "../throttle/mail-requests.ts";
import { findUserByAddress, foldCase } from "../users/email.ts";
import { type Facts, readFacts } from "./facts.ts";
import { LINKS, type Link } from "./links.ts";
import type { MailService } from "./mail-service.ts";
import type { Delivery, Message } from "./transport.ts";

const SECOND_MS = 1000;
const HOUR_MS = 3600 * SECOND_MS;

/** Longer than an attempt can take. If the node dies, another one sends the mail after this time. */
const LEASE_MS = 300 * SECOND_MS;

/** How often the result of an attempt is written, if the database is out of order. */
const NOTE_TRIES = 60;
const NOTE_PAUSE_MS = SECOND_MS;

/** Doubled at each attempt, at most an hour. */
const FIRST_WAIT_MS = 30 * SECOND_MS;

/** The wait after an unexpected error. */
const REPAIR_MS = 10 * 60 * SECOND_MS;

/** After this time a mail that the server will not take is given up. */
const GIVE_UP_MS = 24 * HOUR_MS;

/** A mail that was given up can be retried by an operator for this long. */
export const KEEP_FAILED_MS = 7 * 24 * HOUR_MS;

type Needs = Pick<Services, "db" | "keys" | "now" | "config" | "log" | "metrics">;

/** A mail that this process alone may send now. */
interface Leased {
  mail: Mail;
  message: Message;
  tokenId: string;
  link: Link;
}

/** An unexpected error about one mail. The transaction that leased it was rolled back. */
class BrokenMail extends Error {
  readonly mail: Mail;

  constructor(mail: Mail, cause: unknown) {
    super("a mail cannot be made", { cause });
    this.mail = mail;
  }
}

const UNEXPECTED = "An unexpected error of Postern. The log has it.";

/**
 * Sends the mail that has waited longest. Several processes may call it at the same time.
 *
 * @returns false if none is due
 */
export async function deliverNext(services: Needs, service: MailService): Promise<boolean> {
  try {
    const next = await transaction(services.db, (db) => prepareNext(db, services, service));
    if (next === null || next === "dropped") return next !== null;
    const delivery = await send(services, service, next.message);
    services.metrics.mailAttempted(delivery.kind);
    await retryInOutage(() => settle(services, next, delivery));
  } catch (error) {
    if (!(error instanceof BrokenMail)) throw error;
    await setAside(services, error);
  }
  return true;
}

/** @returns "dropped" if the mail is not to be sent any more, null if none is due */
async function prepareNext(
  db: TransactionDb,
  services: Needs,
  service: MailService,
): Promise<Leased | "dropped" | null> {
  const now = services.now();
  const mail = await leaseMail(db, now, now + LEASE_MS);
  if (mail === null) return null;
  try {
    const prepared = await prepare(db, services, service, mail);
    if (prepared !== null) return prepared;
    await deleteLeasedMail(db, mail);
    return "dropped";
  } catch (error) {
    throw isOutage(error) ? error : new BrokenMail(mail, error);
  }
}

/** No error about one mail stops the others. */
async function send({ log }: Needs, { transport }: MailService, message: Message): Promise<Delivery> {
  try {
    return await transport.send(message);
  } catch (error) {
    log("error", "unexpected_error", describeError(error));
    return { kind: "later", error: UNEXPECTED };
  }
}

/** A mail that went out is sent again after its lease, if the database does not take the note. */
async function retryInOutage(work: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!isOutage(error) || tries === NOTE_TRIES) throw error;
      await delay(NOTE_PAUSE_MS);
    }
  }
}

/** The others are sent meanwhile. This attempt does not count: there is no token yet. */
async function setAside(services: Needs, broken: BrokenMail): Promise<void> {
  const { log, now } = services;
  log("error", "unexpected_error", describeError(broken));
  const mail = { ...broken.mail, attempts: broken.mail.attempts - 1 };
  await transaction(services.db, (db) =>
    postpone(db, services, mail, { error: UNEXPECTED, dueAt: now() + REPAIR_MS, isGivenUp: isTooOld(services, mail) }),
  );
}

/** @returns null if there is no recipient or too many mails to it, or if the link was used or another took its place */
async function prepare(db: TransactionDb, services: Needs, service: MailService, mail: Mail): Promise<Leased | null> {
  const { template, user, to } = await findRecipient(db, mail);
  if (to === "" || !(await mayGoOut(db, services, mail, { template, user }))) return null;
  const link = LINKS[template];
  const facts: Facts = { ...readFacts(mail.facts), template, sentTo: to };
  const token = await storeToken(db, services, mail, { link, user, facts });
  if (token === null) return null;
  const { language, subject, text, html } = mailParts({
    template,
    language: mail.language,
    siteName: services.config.siteName,
    // A site with a logo has a mark of its own. No mail loads a picture.
    hasMark: services.config.logoUrl === null,
    origin: service.origin,
    link: `${service.origin}${link.path}?token=${token}`,
    lifetimeMs: link.lifetimeMs,
    username: user?.username ?? null,
    facts,
  });
  const { hostname } = new URL(service.origin);
  const messageId = `${mail.id}@${hostname}`;
  const { from } = service;
  const message = { from, to, subject, text, html, messageId, date: mail.createdAt, language };
  return { mail, message, tokenId: hashToken(token), link };
}

/** A mail that strangers may ask for is limited for each user. A mail that Postern sends by itself, to a fixed address, is not. */
async function mayGoOut(
  db: TransactionDb,
  services: Needs,
  { attempts, address, userId }: Mail,
  { template, user }: { template: Template; user: User | null },
): Promise<boolean> {
  const isAskedFor = LINKS[template].purpose === "password_reset" && (userId === null || address === "");
  return !isAskedFor || user === null || attempts > 1 || mayMailUser(db, services, user);
}

/** `to` is empty if the mail is not to be sent. An inactive user gets none. */
async function findRecipient(
  db: TransactionDb,
  { purpose, userId, address, facts }: Mail,
): Promise<{ template: Template; user: User | null; to: string }> {
  if (userId !== null) {
    const user = await findUserById(db, userId);
    const isWanted = user?.isActive === true;
    const template = readFacts(facts).isSecured ? "secured" : purpose;
    return { template, user, to: isWanted ? address || user.email : "" };
  }
  const known = purpose === "signup" || purpose === "invite" ? await findUserByAddress(db, address) : null;
  if (known === null) return { template: purpose, user: null, to: address };
  return { template: "signup_known", user: known, to: known.isActive ? known.email : "" };
}

/**
 * Stores the hash of the link's token at the first attempt. At a later one the token must still be there: a link that was
 * used does not come back to life.
 *
 * @returns the token; null if it was used, or another took its place
 */
async function storeToken(
  db: TransactionDb,
  { keys, now }: Needs,
  { id, attempts, createdAt }: Mail,
  { link, user, facts }: { link: Link; user: User | null; facts: Facts },
): Promise<string | null> {
  const tokens = keys.mail.tokens(id);
  const expiresAt = now() + link.lifetimeMs;
  if (attempts > 1) {
    for (const token of tokens) {
      if (await extendToken(db, { id: hashToken(token), purpose: link.purpose }, expiresAt)) return token;
    }
    return null;
  }
  const [token] = tokens;
  if (token === undefined) throw new Error("no secret key");
  await insertToken(db, {
    id: hashToken(token),
    purpose: link.purpose,
    userId: user?.id ?? null,
    subject: subjectOf(link, user, { id, to: facts.sentTo ?? "" }),
    // In the order of the events: a link may make those of later events void.
    createdAt,
    expiresAt,
    facts: JSON.stringify(facts),
  });
  return token;
}

/** One link at a time is valid for each subject. Each notice has a link of its own. */
function subjectOf({ purpose }: Link, user: User | null, { id, to }: { id: string; to: string }): string {
  if (user === null) return foldCase(to);
  return purpose === "not_me" || purpose === "email_undo" ? `${userSubject(user)}:${id}` : userSubject(user);
}

async function settle(services: Needs, { mail, tokenId, link }: Leased, delivery: Delivery): Promise<void> {
  const { db, now, log } = services;
  const { purpose, id, attempts } = mail;
  if (delivery.kind === "sent") {
    await deleteLeasedMail(db, mail);
    return log("info", "mail_sent", { mail: id, purpose });
  }
  const { error } = delivery;
  const isGivenUp = delivery.kind === "never" || isTooOld(services, mail);
  const dueAt = now() + Math.min(FIRST_WAIT_MS * 2 ** (attempts - 1), HOUR_MS);
  await transaction(db, async (db) => {
    await postpone(db, services, mail, { error, dueAt, isGivenUp });
    // The link must not expire before the mail goes out.
    await extendToken(
      db,
      { id: tokenId, purpose: link.purpose },
      (isGivenUp ? now() + KEEP_FAILED_MS : dueAt) + link.lifetimeMs,
    );
  });
  log(isGivenUp ? "error" : "warning", isGivenUp ? "mail_given_up" : "mail_postponed", { mail: id, purpose, error });
}

const isTooOld = ({ now }: Needs, { createdAt }: Mail) => now() - createdAt >= GIVE_UP_MS;

async function postpone(
  db: TransactionDb,
  services: Needs,
  mail: Mail,
  { error, dueAt, isGivenUp }: { error: string; dueAt: number; isGivenUp: boolean },
): Promise<void> {
  const isLeft = await postponeMail(db, mail, { dueAt, error, failedAt: isGivenUp ? services.now() : null });
  if (!isLeft || !isGivenUp) return;
  const subject = mail.userId === null ? "mail" : userSubject({ id: mail.userId });
  await recordBy(db, services, SYSTEM, { kind: "mail_failed", subject, detail: mail.purpose });
}
