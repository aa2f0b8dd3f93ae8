import type { Generated, Kysely, Transaction } from "kysely";

// Conventions, so that every database hands back the same JavaScript values: instants are epoch milliseconds, flags are
// 0 or 1, text is never null where empty will do. No booleans, timestamps or JSON columns.

/** A point in time, epoch milliseconds. */
export type Instant = number;

/** 0 or 1. */
export type Flag = number;

export interface UsersTable {
  id: Generated<number>;
  /** Unique, NFKC-normalised, compared exactly. */
  username: string;
  email: string;
  first_name: string;
  last_name: string;
  /** As Django encodes it, `algorithm$…`; `!…` is unusable. */
  password: string;
  is_active: Flag;
  is_staff: Flag;
  is_superuser: Flag;
  date_joined: Instant;
  last_login: Instant | null;
}

export interface SessionsTable {
  /** Hex SHA-256 of the token in the cookie; the token itself is stored nowhere. */
  id: string;
  user_id: number;
  created_at: Instant;
  last_seen_at: Instant;
  expires_at: Instant;
  ip: string;
  user_agent: string;
}

/** Tokens that can be used once. See `OneTimeToken`. */
export interface OneTimeTokensTable {
  /** Hex SHA-256 of the token; the token itself is stored nowhere. */
  id: string;
  purpose: TokenPurpose;
  user_id: number | null;
  subject: string;
  created_at: Instant;
  expires_at: Instant;
}

/** `setup`: the link that makes the first user. */
export type TokenPurpose = "setup";

export interface ThrottlesTable {
  /** Whom it holds off: `account:…`, `device:…`, `devices:…` of an account, `failures:…` or `requests:…` of a network. */
  key: string;
  /** In a row, since the last success; 0 where only the rate counts. */
  failures: number;
  /** Of an account or a device: nobody is let in before; 0 where nobody waits. Of a rate: when its bucket has drained. */
  held_until: Instant;
  expires_at: Instant;
}

/** Browsers that have logged in to an account before. */
export interface DevicesTable {
  /** Hex SHA-256 of the token in the cookie; the token itself is stored nowhere. */
  id: string;
  user_id: number;
  /** Empty if it is unknown, as is `system`. */
  browser: string;
  system: string;
  created_at: Instant;
  last_used_at: Instant;
  expires_at: Instant;
}

/** What happened, and who did it: append only. Rows outlive the user they are about. */
export interface EventsTable {
  id: Generated<number>;
  at: Instant;
  kind: EventKind;
  /** What it is about: `user:7`; `unknown:…`, where a name was typed that no user has; `trail`, which is this table. */
  subject: string;
  /** Who did it: `user:7`, `command line`, `system`, or `nobody` who is known. */
  actor: string;
  /** This and the next three are empty where it came by no request. */
  address: string;
  browser: string;
  system: string;
  request_id: string;
  /** More of it: which fields were changed, how many sessions were ended. */
  detail: string;
  /** Its place among the events of its subject, from 1, without a gap. */
  number: number;
  /** Hex SHA-256 of the event before it of the same subject, empty where it is the first. */
  previous: string;
  /** Hex SHA-256 of this one. */
  hash: string;
  /** Its place in a lane, and how far other lanes were; null in a trail that is not sealed yet. See db/event-lanes.ts. */
  lane: Generated<number | null>;
  lane_number: Generated<number | null>;
  seen: Generated<string>;
  /** Of the hash and that place, with a key that the database does not hold. */
  mac: Generated<string>;
}

export const EVENT_KINDS = [
  "login",
  "login_failed",
  "login_throttled",
  "logout",
  "sessions_ended",
  "device_forgotten",
  "password_changed",
  "set_up",
  "user_made",
  "user_changed",
  "user_activated",
  "user_deactivated",
  "user_deleted",
  "events_cut",
  "trail_sealed",
] as const;

export type EventKind = (typeof EVENT_KINDS)[number];

/** Where the events of each subject begin and end. */
export interface EventChainsTable {
  subject: string;
  last_number: number;
  last_hash: string;
  /** Up to which number its oldest events were deleted, 0 for none; the hash of the last one of them; and when. */
  cut_number: number;
  cut_hash: string;
  cut_at: Instant;
  /** Of all this; empty if a key that the server has did not verify the one before. */
  mac: Generated<string>;
}

/** Where each lane of events begins and ends. */
export interface EventLanesTable {
  lane: number;
  /** Why there is this lane: see `emptyLane`. */
  reason: "unsealed" | "new" | "sealed" | "reopened";
  opened_at: Instant;
  last_number: number;
  /** Of the MACs of all its events, one after the other. */
  last_digest: string;
  /** Up to which number its oldest events were deleted, 0 for none; the digest there; and when. */
  cut_number: number;
  cut_digest: string;
  cut_at: Instant;
  mac: string;
}

export interface Schema {
  users: UsersTable;
  sessions: SessionsTable;
  one_time_tokens: OneTimeTokensTable;
  throttles: ThrottlesTable;
  devices: DevicesTable;
  events: EventsTable;
  event_chains: EventChainsTable;
  event_lanes: EventLanesTable;
}

/** The database, or a transaction on it: store functions take either and do not ask which. */
export type Db = Kysely<Schema>;

/** For what is whole only together with something else: nothing but `transaction` makes one. */
export type TransactionDb = Transaction<Schema>;
