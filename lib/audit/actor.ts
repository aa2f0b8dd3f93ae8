import type { Group } from "../../db/groups.ts";
import type { Session } from "../../db/sessions.ts";
import type { User } from "../../db/users.ts";
import type { Arrival, UserContext } from "../context.ts";
import { deviceToStore } from "../session/user-agent.ts";

/** The request by which an actor acts. A text is empty if it is unknown. */
export interface Origin {
  address: string;
  browser: string;
  system: string;
  requestId: string;
}

/**
 * The person, or the process, that changes something.
 *
 * - `session`: a user who is logged in. On another user's account, this is an administrator.
 * - `visitor`: a client without a session.
 * - `operator`: a person who runs our commands.
 * - `system`: the server, without a request.
 */
export type Actor = SessionActor | { kind: "visitor"; origin: Origin } | { kind: "operator" } | { kind: "system" };

export interface SessionActor {
  kind: "session";
  user: User;
  session: Session;
  origin: Origin;
}

export const OPERATOR: Actor = { kind: "operator" };
export const SYSTEM: Actor = { kind: "system" };

/** The user of a request that is logged in. */
export function sessionActor(context: UserContext): SessionActor {
  const { user, session } = context.auth;
  return { kind: "session", user, session, origin: originOf(context) };
}

export function visitorActor(context: Arrival): Actor {
  return { kind: "visitor", origin: originOf(context) };
}

export function originOf({ client, request, requestId }: Arrival): Origin {
  return { address: client.address, ...deviceToStore(request), requestId };
}

// The trail stores these texts. They never change: the MACs of the rows cover them.

/** A client that is not logged in. */
export const STORED_VISITOR = "nobody";
export const STORED_OPERATOR = "command line";
export const STORED_SYSTEM = "system";

/** The text that the trail stores for an actor. */
export function storedActor(by: Actor): string {
  if (by.kind === "session") return userSubject(by.user);
  return { visitor: STORED_VISITOR, operator: STORED_OPERATOR, system: STORED_SYSTEM }[by.kind];
}

/** By id: a deleted user's name may be given to another user. */
export function userSubject({ id }: Pick<User, "id">): string {
  return `user:${id}`;
}

/** By id, as `userSubject`. */
export function groupSubject({ id }: Pick<Group, "id">): string {
  return `group:${id}`;
}

/** @returns null if the subject is not a user */
export function userIdOf(subject: string): number | null {
  const [, id] = /^user:(\d{1,15})$/.exec(subject) ?? [];
  return id === undefined ? null : Number(id);
}

const UNKNOWN_CHAINS = 64;

/**
 * The subject of events about a username that does not exist. The trail stores neither the name nor its hash: people
 * sometimes type a password into the username field. The subject is one of 64, at random. With a single one, each
 * failed login would wait for the commit of the one before. A flood would then show that the user does not exist.
 */
export function unknownSubject(): string {
  const [byte = 0] = crypto.getRandomValues(new Uint8Array(1));
  return `unknown:${byte % UNKNOWN_CHAINS}`;
}
