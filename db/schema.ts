import type { Generated, Kysely, Transaction } from "kysely";
import type { Flag, Instant } from "./column-types.ts";
import type { PasskeysTable, PendingLoginsTable, RecoveryCodesTable, TotpFactorsTable } from "./factor-schema.ts";

// For these types, SQLite and Postgres return the same JavaScript values. Instants are epoch milliseconds, flags are 0
// or 1, text is empty rather than null. No booleans, timestamps or JSON columns.

export type { Flag, Instant };

export interface UsersTable {
  id: Generated<number>;
  /** Unique, NFKC-normalised, compared byte by byte. */
  username: string;
  email: string;
  first_name: string;
  last_name: string;
  /** In Django's layout, `algorithm$…`; `!…` is unusable. */
  password: string;
  is_active: Flag;
  is_staff: Flag;
  is_superuser: Flag;
  date_joined: Instant;
  last_login: Instant | null;
  /** When a link in a mail to `email` was last used. Null: an operator, an import or the user has set the address. */
  email_proved_at: Generated<Instant | null>;
  /** Of the user's last login by a browser, such as `it`; empty if it is unknown. */
  language: Generated<string>;
  /** Whether the user has an authenticator app or a passkey. `refreshSecondFactor` keeps it true. */
  has_second_factor: Generated<Flag>;
}

export interface GroupsTable {
  id: Generated<number>;
  /** As a username: unique, NFKC-normalised, compared and sorted byte by byte. It has no comma. */
  name: string;
  created_at: Instant;
}

/** Which users are members of which groups. */
export interface UserGroupsTable {
  user_id: number;
  group_id: number;
}

export interface SessionsTable {
  /** Hex SHA-256 of the token in the cookie. The token itself is not stored. */
  id: string;
  user_id: number;
  created_at: Instant;
  last_seen_at: Instant;
  expires_at: Instant;
  ip: string;
  user_agent: string;
  /** When the user last proved to be present. */
  proved_at: Generated<Instant>;
  /** How, separated by spaces: see `Session`. */
  amr: Generated<string>;
}

/** See `OneTimeToken`. */
export interface OneTimeTokensTable {
  /** Hex SHA-256 of the token. The token itself is not stored. */
  id: string;
  purpose: TokenPurpose;
  user_id: number | null;
  subject: string;
  created_at: Instant;
  expires_at: Instant;
  /** JSON; empty if there are none. */
  facts: Generated<string>;
}

/**
 * What a token is for. A token is the secret of a link, or of one step of a ceremony.
 *
 * - `setup`: creates the first user.
 * - `signup`, `invite`: creates the user of an address.
 * - `password_reset`: sets a new password.
 * - `email_change`: proves the user's new address.
 * - `email_undo`: restores the user's former address.
 * - `not_me`: ends the user's sessions and starts a reset.
 * - `totp_setup`: makes an authenticator app the user's second factor, once a code of it is right.
 * - `passkey_setup`, `passkey_login`, `passkey_factor`, `passkey_proof`: the challenge of a passkey (WebAuthn §13.4.3).
 */
export type TokenPurpose =
  | "setup"
  | "signup"
  | "invite"
  | "password_reset"
  | "email_change"
  | "email_undo"
  | "not_me"
  | "totp_setup"
  | "passkey_setup"
  | "passkey_login"
  | "passkey_factor"
  | "passkey_proof";

/** The mails that wait to be sent, and those that could not be. A mail that was sent is deleted. See `Mail`. */
export interface MailsTable {
  /** Random. The Message-ID has it, and the token of the mail's link is derived from it. */
  id: string;
  purpose: MailPurpose;
  user_id: number | null;
  address: string;
  language: string;
  /** JSON. */
  facts: string;
  created_at: Instant;
  due_at: Instant;
  attempts: number;
  error: string;
  failed_at: Instant | null;
}

/** The notices tell a user what has happened. */
export const NOTICE_KINDS = [
  "new_device",
  "password_changed",
  "sessions_ended",
  "many_failures",
  "many_wrong_codes",
  "factor_added",
  "factor_removed",
  "recovery_code_used",
  "recovery_codes_made",
  "passkey_copied",
] as const;

export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** `email_changed` goes to the former address. */
export type MailPurpose = "signup" | "invite" | "password_reset" | "email_change" | "email_changed" | NoticeKind;

/** When a user was last sent a notice of each kind. */
export interface NoticesTable {
  user_id: number;
  kind: NoticeKind;
  sent_at: Instant;
}

export interface ThrottlesTable {
  /** `account:…`, `device:…`, `devices:…` of an account, `failures:…` or `requests:…` of a network, `mail:…`, `link:…`, `export:…`, `factor:…`, `rejected:…` of a network, `setup:…`. */
  key: string;
  /** Consecutive failures; 0 for a rate. */
  failures: number;
  /** Account or device: logins are denied until then; 0 if they are not. Rate: the instant when its bucket is empty. */
  held_until: Instant;
  expires_at: Instant;
}

/** Browsers that have logged in to an account. */
export interface DevicesTable {
  /** Hex SHA-256 of the token in the cookie. The token itself is not stored. */
  id: string;
  user_id: number;
  /** Empty if unknown; so is `system`. */
  browser: string;
  system: string;
  created_at: Instant;
  last_used_at: Instant;
  expires_at: Instant;
  /** Until then its logins need no second factor; 0 if they do. */
  trusted_until: Generated<Instant>;
}

/** The audit trail: append only. Rows stay after their user is deleted. */
export interface EventsTable {
  id: Generated<number>;
  at: Instant;
  kind: EventKind;
  /** `user:7`, `group:7`; `unknown:…` if no user has the username; `mail` for a mail about no user; `trail` for events about the trail itself. */
  subject: string;
  /** `user:7`, `command line`, `system`, or `"nobody"` if the client is not authenticated. */
  actor: string;
  /** Empty without a request; so are the next three. */
  address: string;
  browser: string;
  system: string;
  request_id: string;
  /** For example the changed fields, the number of ended sessions, or the name of a group. */
  detail: string;
  /** Numbers the events of a subject from 1, without a gap. */
  number: number;
  /** The hash of the subject's previous event; empty for the first. */
  previous: string;
  /** See `hashEvent`. */
  hash: string;
  /** See db/event-lanes.ts. Null until the trail is sealed. */
  lane: Generated<number | null>;
  lane_number: Generated<number | null>;
  /** The last numbers of the other lanes. */
  seen: Generated<string>;
  /** Covers the hash and the place in the lane. The key is not in the database. */
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
  "reset_requested",
  "password_reset",
  "invited",
  "signed_up",
  "email_change_requested",
  "email_change_cancelled",
  "email_changed",
  "email_restored",
  "reported",
  "exported",
  "mail_failed",
  "set_up",
  "user_made",
  "user_changed",
  "user_activated",
  "user_deactivated",
  "user_deleted",
  "group_made",
  "group_deleted",
  "added_to_group",
  "removed_from_group",
  "second_factor_failed",
  "second_factor_throttled",
  "factor_added",
  "factor_removed",
  "factors_reset",
  "passkey_renamed",
  "passkey_copied",
  "recovery_codes_made",
  "recovery_code_used",
  "browser_trusted",
  "proved",
  "events_cut",
  "trail_sealed",
] as const;

export type EventKind = (typeof EVENT_KINDS)[number];

/** The first and last event of each subject. */
export interface EventChainsTable {
  subject: string;
  last_number: number;
  last_hash: string;
  /** The number of the last deleted event, 0 if none was deleted; its hash; and the time. */
  cut_number: number;
  cut_hash: string;
  cut_at: Instant;
  /** Covers the other columns; empty if the previous MAC was invalid. */
  mac: Generated<string>;
}

/** The first and last event of each lane. */
export interface EventLanesTable {
  lane: number;
  /** See `emptyLane`. */
  reason: "unsealed" | "new" | "sealed" | "reopened";
  opened_at: Instant;
  last_number: number;
  /** Covers the MACs of all events in their order. */
  last_digest: string;
  /** The number of the last deleted event, 0 if none was deleted; the digest there; and the time. */
  cut_number: number;
  cut_digest: string;
  cut_at: Instant;
  mac: string;
}

export interface Schema {
  users: UsersTable;
  groups: GroupsTable;
  user_groups: UserGroupsTable;
  sessions: SessionsTable;
  pending_logins: PendingLoginsTable;
  totp_factors: TotpFactorsTable;
  recovery_codes: RecoveryCodesTable;
  passkeys: PasskeysTable;
  one_time_tokens: OneTimeTokensTable;
  mails: MailsTable;
  notices: NoticesTable;
  throttles: ThrottlesTable;
  devices: DevicesTable;
  events: EventsTable;
  event_chains: EventChainsTable;
  event_lanes: EventLanesTable;
}

/** The database or a transaction. */
export type Db = Kysely<Schema>;

/** For statements that are correct only in a transaction. Only `transaction` creates one. */
export type TransactionDb = Transaction<Schema>;
