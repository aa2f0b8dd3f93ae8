import type { Generated } from "kysely";

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

/** Links that let whoever has one make the first user. */
export interface SetupTokensTable {
  /** Hex SHA-256 of the token in the link. */
  id: string;
  expires_at: Instant;
}

export interface ThrottlesTable {
  /** Whom it holds off: `account:…`, `device:…`, `failures:…` or `requests:…` of a network. */
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
  created_at: Instant;
  expires_at: Instant;
}

export interface Schema {
  users: UsersTable;
  sessions: SessionsTable;
  setup_tokens: SetupTokensTable;
  throttles: ThrottlesTable;
  devices: DevicesTable;
}
