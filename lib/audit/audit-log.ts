import { deleteInBatches } from "../../db/batches.ts";
import { cutEvents, TRAIL } from "../../db/event-cut.ts";
import { appendEvents, listEventsOf, type RecordedEvent } from "../../db/events.ts";
import { type TransactionDb, transaction } from "../../db/open.ts";
import type { EventKind } from "../../db/schema.ts";
import { findUser, type User } from "../../db/users.ts";
import type { Arrival } from "../context.ts";
import type { Services } from "../services.ts";
import { readDevice, userAgentOf } from "../session/user-agent.ts";

/** Something that was done, for the audit trail. Nothing in it is a secret, or what a client typed. */
export interface Deed {
  kind: EventKind;
  /** What it was done to: `userSubject` or `unknownSubject`. */
  subject: string;
  /** Who did it: `userSubject`, `NOBODY` or `COMMAND_LINE`. */
  actor: string;
  /** What fields were changed, how many sessions were ended. */
  detail?: string;
}

/** Somebody of whom it is not known who. */
export const NOBODY = "nobody";

/** Whoever may run our commands. */
export const COMMAND_LINE = "command line";

/** The server by itself, without a request: it ends sessions that exceed the limit. */
export const SYSTEM = "system";

/** By id, since a deleted user's name may be given to another. */
export function userSubject({ id }: Pick<User, "id">): string {
  return `user:${id}`;
}

/** @returns null where it is no subject that is a user */
export function userIdOf(subject: string): number | null {
  const [, id] = /^user:(\d{1,15})$/.exec(subject) ?? [];
  return id === undefined ? null : Number(id);
}

const UNKNOWN_CHAINS = 64;

/**
 * For a name that no user has. The name itself, or a hash of it, is not written down: now and then it is a password, typed
 * where the name belongs. One of many at random: were it one, each failed login would wait until the one before is
 * committed, and so show in a flood that there is no such user.
 */
export function unknownSubject(): string {
  const [byte = 0] = crypto.getRandomValues(new Uint8Array(1));
  return `unknown:${byte % UNKNOWN_CHAINS}`;
}

/** Writes down what a request has done, in the transaction that does it, as its last statement. */
export function recordEvents(db: TransactionDb, context: Arrival, ...deeds: Deed[]): Promise<void> {
  const { client, request, requestId, services } = context;
  const { browser, system } = readDevice(userAgentOf(request));
  const origin = { address: client.address, browser: short(browser), system: short(system), requestId };
  return appendEvents(
    db,
    services.keys.audit,
    deeds.map((deed) => ({ detail: "", ...deed, ...origin, at: services.now() })),
  );
}

/** The same for a command. */
export function recordCommand(
  db: TransactionDb,
  services: Pick<Services, "keys" | "now">,
  deed: Omit<Deed, "actor">,
): Promise<void> {
  return recordWithoutRequest(db, services, { ...deed, actor: COMMAND_LINE });
}

/** The same for what the server does by itself. */
export function recordSystem(
  db: TransactionDb,
  services: Pick<Services, "keys" | "now">,
  deed: Omit<Deed, "actor">,
): Promise<void> {
  return recordWithoutRequest(db, services, { ...deed, actor: SYSTEM });
}

function recordWithoutRequest(
  db: TransactionDb,
  { keys, now }: Pick<Services, "keys" | "now">,
  deed: Deed,
): Promise<void> {
  const origin = { address: "", browser: "", system: "", requestId: "" };
  return appendEvents(db, keys.audit, [{ detail: "", ...deed, ...origin, at: now() }]);
}

/** Where no browser is known, a product's name is what the client made up. */
function short(words: string | null): string {
  return (words ?? "").slice(0, 60);
}

/**
 * Writes down that a login was refused, at the same cost whether or not there is such a user.
 *
 * @param user whose name was given, null where nobody has it
 */
export function recordFailedLogin(context: Arrival, user: User | null): Promise<void> {
  return recordAttempt(context, user, "login_failed");
}

/**
 * Writes down that logins are refused unseen for a while. To be called once for each such while, and not at each refusal:
 * whoever floods would fill the disk.
 *
 * @param username as typed
 */
export async function recordThrottledLogin(context: Arrival, username: string): Promise<void> {
  await recordAttempt(context, await findUser(context.services.db, username), "login_throttled");
}

function recordAttempt(context: Arrival, user: User | null, kind: EventKind): Promise<void> {
  const subject = user === null ? unknownSubject() : userSubject(user);
  return transaction(context.services.db, (db) => recordEvents(db, context, { kind, subject, actor: NOBODY }));
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Deletes events that are older than the settings say, the oldest first. @returns how many there were */
export async function cutTrail({ config, db, keys, now }: Services): Promise<number> {
  if (config.auditDays === 0) return 0;
  const horizon = now() - config.auditDays * DAY_MS;
  return deleteInBatches((limit) => transaction(db, (db) => cutEvents(db, keys.audit, { horizon, now: now() }, limit)));
}

/** A cut that took events which the settings would still keep. */
export interface YoungCut {
  subject: string;
  /** Of the event that tells of the cut. */
  number: number;
  mistake: "young_cut";
  /** What was older than this was cut, ISO 8601. */
  before: string;
}

const CUTS_AT_ONCE = 500;

export async function findYoungCuts({ config, db, now }: Services): Promise<YoungCut[]> {
  const horizon = config.auditDays === 0 ? Number.NEGATIVE_INFINITY : now() - config.auditDays * DAY_MS;
  const found: YoungCut[] = [];
  for (let before: number | null = null; ; ) {
    const events: RecordedEvent[] = await listEventsOf(db, TRAIL, { before, limit: CUTS_AT_ONCE });
    for (const { kind, subject, number, detail } of events) {
      const instant = / from before (\S+)$/.exec(detail)?.[1] ?? "";
      if (kind !== "events_cut" || Date.parse(instant) <= horizon) continue;
      found.push({ subject, number, mistake: "young_cut", before: instant });
    }
    const last = events.at(-1);
    if (last === undefined) return found.toReversed();
    before = last.number;
  }
}
