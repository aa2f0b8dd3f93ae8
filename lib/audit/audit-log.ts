import { appendEvents } from "../../db/events.ts";
import { type TransactionDb, transaction } from "../../db/open.ts";
import type { EventKind } from "../../db/schema.ts";
import type { User } from "../../db/users.ts";
import type { Arrival } from "../context.ts";
import type { Services } from "../services.ts";
import { type Actor, type Origin, originOf, storedActor, unknownSubject, userSubject, visitorActor } from "./actor.ts";

/** Something that happened. Nothing in it is a secret, or text that an unknown client typed. */
export interface Deed {
  kind: EventKind;
  /** What it concerns: `userSubject`, `unknownSubject` or `groupSubject`. */
  subject: string;
  /** As `storedActor` gives it. */
  actor: string;
  /** The changed fields, the number of ended sessions, or the name of a group. */
  detail?: string;
}

/** Records what an actor did, in the transaction that does it, as its last statement. */
export function recordBy(
  db: TransactionDb,
  services: Pick<Services, "keys" | "now">,
  by: Actor,
  ...deeds: Omit<Deed, "actor">[]
): Promise<void> {
  const actor = storedActor(by);
  const origin = "origin" in by ? by.origin : NO_ORIGIN;
  return append(
    db,
    services,
    origin,
    deeds.map((deed) => ({ ...deed, actor })),
  );
}

const NO_ORIGIN: Origin = { address: "", browser: "", system: "", requestId: "" };

/** Records what a request did. Each event has its own actor: a request may end sessions of several users. */
export function recordEvents(db: TransactionDb, context: Arrival, ...deeds: Deed[]): Promise<void> {
  return append(db, context.services, originOf(context), deeds);
}

function append(
  db: TransactionDb,
  { keys, now }: Pick<Services, "keys" | "now">,
  origin: Origin,
  deeds: Deed[],
): Promise<void> {
  const events = deeds.map((deed) => ({ detail: "", ...deed, ...origin, at: now() }));
  return appendEvents(db, keys.audit, events);
}

/**
 * Records a failed login, or that logins are now denied for a while without a look at the password. The cost is the same
 * whether or not the user exists.
 *
 * @param user null if no user has the username
 * @param alongside work in the same transaction
 */
export function recordAttempt(
  context: Arrival,
  user: User | null,
  kind: "login_failed" | "login_throttled" | "second_factor_failed" | "second_factor_throttled",
  alongside: (db: TransactionDb, by: Actor) => Promise<void> = async () => {},
): Promise<void> {
  const subject = user === null ? unknownSubject() : userSubject(user);
  const { services } = context;
  const by = visitorActor(context);
  return transaction(services.db, async (db) => {
    await alongside(db, by);
    await recordBy(db, services, by, { kind, subject });
  });
}
