import { listEventsOf, type RecordedEvent } from "../../db/events.ts";
import { findTotp, summarizeFactors } from "../../db/factors.ts";
import { listGroupNames } from "../../db/groups.ts";
import { listMailsOf, listNoticesOf, type Mail } from "../../db/mails.ts";
import { listAllTokensOf, type OneTimeToken } from "../../db/one-time-tokens.ts";
import type { Db } from "../../db/open.ts";
import { listPasskeys } from "../../db/passkeys.ts";
import { listPendingLoginsOf } from "../../db/pending-logins.ts";
import type { TokenPurpose } from "../../db/schema.ts";
import { listLiveSessions } from "../../db/sessions.ts";
import { findUserById, type User } from "../../db/users.ts";
import { userSubject } from "../audit/actor.ts";
import type { UserContext } from "../context.ts";
import { renderJson } from "../http/json.ts";
import { Problem } from "../http/problem.ts";
import { type Facts, readFacts } from "../mail/facts.ts";
import { LINKS } from "../mail/links.ts";
import { lifetime } from "../session/lifetime.ts";
import { actorAsSeen } from "./activity.ts";
import { deviceToJson, listKnownDevices } from "./devices.ts";
import { describeSession, sessionToJson } from "./sessions.ts";

/** Rows that are in memory at a time. */
const BATCH_ROWS = 500;

type Json = Record<string, unknown>;

/**
 * All that is stored about the request's user, as the text of one JSON object in parts. It has no secret, and nothing that
 * a secret was made from: no password, hash, token or id of a session. Events that happen meanwhile are left out.
 */
export async function* accountData(context: UserContext): AsyncGenerator<string, void, undefined> {
  yield renderJson(await smallData(context), 0).replace(/\}$/, "");
  yield* list("sessions", sessionsOf(context));
  yield* list("events", eventsOf(context));
  yield "}\n";
}

/** What has few rows. */
async function smallData(context: UserContext): Promise<Json> {
  const { services, auth } = context;
  const { db } = services;
  const { id } = auth.user;
  const user = await findUserById(db, id);
  if (user === null) throw new Problem("not_authenticated"); // Deleted since this request began.
  return {
    exported_at: iso(services.now()),
    profile: profileOf(user),
    groups: await listGroupNames(db, id),
    second_factors: await secondFactorsOf(db, id),
    devices: (await listKnownDevices(context)).map(deviceToJson).map(withoutId),
    notices: (await listNoticesOf(db, id)).map(({ kind, sentAt }) => ({ kind, sent_at: iso(sentAt) })),
    mails: (await listMailsOf(db, id)).map(mailOf),
    links: (await listAllTokensOf(db, id)).filter(({ purpose }) => isLink(purpose)).map(linkOf),
    pending_logins: (await listPendingLoginsOf(db, id)).map(validityOf),
  };
}

/** Without the secret of the authenticator app, the keys of passkeys and the recovery codes. */
async function secondFactorsOf(db: Db, userId: number): Promise<Json> {
  const totp = await findTotp(db, userId);
  const passkeys = await listPasskeys(db, userId);
  return {
    authenticator_app: totp && usesOf(totp),
    passkeys: passkeys.map((one) => ({ name: one.name, ...usesOf(one), is_backed_up: one.isBackedUp })),
    recovery_codes: (await summarizeFactors(db, userId)).recoveryCodes,
  };
}

function usesOf({ createdAt, lastUsedAt }: { createdAt: number; lastUsedAt: number | null }): Json {
  return { created_at: iso(createdAt), last_used_at: isoOrNull(lastUsedAt) };
}

/** A member of the object, its rows in batches. */
async function* list(name: string, batches: AsyncIterable<Json[]>): AsyncGenerator<string, void, undefined> {
  let separator = `,\n"${name}":[\n`;
  for await (const batch of batches) {
    yield separator + batch.map((row) => renderJson(row, 0)).join(",\n");
    separator = ",\n";
  }
  yield separator.startsWith(',\n"') ? `${separator}]` : "\n]";
}

async function* sessionsOf({ services, auth }: UserContext): AsyncGenerator<Json[], void, undefined> {
  let after = null;
  for (;;) {
    const wanted = { after, exceptId: null, limit: BATCH_ROWS };
    const found = await listLiveSessions(services.db, auth.user.id, lifetime(services), wanted);
    const last = found.at(-1);
    if (last === undefined) return;
    yield found.map((session) => ({
      ...withoutId(sessionToJson(describeSession(session, session.id === auth.session.id))),
      proved_at: iso(session.provedAt),
      amr: session.amr.split(" "),
    }));
    after = last;
  }
}

async function* eventsOf({ services, auth }: UserContext): AsyncGenerator<Json[], void, undefined> {
  const subject = userSubject(auth.user);
  let before: number | null = null;
  for (;;) {
    const found = await listEventsOf(services.db, subject, { before, limit: BATCH_ROWS });
    const last = found.at(-1);
    if (last === undefined) return;
    yield found.map((event) => eventOf(event, subject));
    before = last.number;
  }
}

function profileOf(user: User): Json {
  return {
    id: user.id,
    username: user.username,
    email: user.email,
    email_proved_at: isoOrNull(user.emailProvedAt),
    first_name: user.firstName,
    last_name: user.lastName,
    language: user.language,
    is_active: user.isActive,
    is_staff: user.isStaff,
    is_superuser: user.isSuperuser,
    date_joined: iso(user.dateJoined),
    last_login: isoOrNull(user.lastLogin),
  };
}

/** The last answer of the mail server is left out: it is about the server. */
function mailOf({ purpose, address, language, createdAt, dueAt, attempts, failedAt, facts }: Mail): Json {
  const times = { created_at: iso(createdAt), next_attempt_at: failedAt === null ? iso(dueAt) : null };
  return {
    purpose,
    address,
    language,
    ...times,
    attempts,
    failed_at: isoOrNull(failedAt),
    ...factsOf(readFacts(facts)),
  };
}

/** Other tokens belong to a step that a page has begun, such as the setup of an authenticator app. */
function isLink(purpose: TokenPurpose): boolean {
  return Object.values(LINKS).some((link) => link.purpose === purpose);
}

/** A link that a mail has brought, such as a pending change of the address. */
function linkOf({ purpose, facts, ...token }: OneTimeToken): Json {
  return { purpose, ...validityOf(token), ...(facts === "" ? {} : factsOf(readFacts(facts))) };
}

function validityOf({ createdAt, expiresAt }: Pick<OneTimeToken, "createdAt" | "expiresAt">): Json {
  return { created_at: iso(createdAt), expires_at: iso(expiresAt) };
}

function factsOf({ at, address, browser, system, sentTo, email }: Facts): Json {
  const addresses = { ...(sentTo === undefined ? {} : { sent_to: sentTo }), ...(email === undefined ? {} : { email }) };
  return { cause: { at: iso(at), address, browser, system }, ...addresses };
}

function eventOf(event: RecordedEvent, subject: string): Json {
  const { number, at, kind, actor, address, browser, system, requestId, detail } = event;
  const by = actorAsSeen(actor, subject);
  return { number, at: iso(at), event: kind, by, address, browser, system, request_id: requestId, detail };
}

function withoutId({ id: _, ...rest }: Json): Json {
  return rest;
}

function iso(instant: number): string {
  return new Date(instant).toISOString();
}

function isoOrNull(instant: number | null): string | null {
  return instant === null ? null : iso(instant);
}
