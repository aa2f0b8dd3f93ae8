import type { Flag, Instant } from "./column-types.ts";

/** A login whose password was right, and whose second factor is missing. See `PendingLogin`. */
export interface PendingLoginsTable {
  /** Hex SHA-256 of the token in the cookie. The token itself is not stored. */
  id: string;
  user_id: number;
  /** Hex SHA-256 of the encoded password that was checked. */
  password_hash: string;
  attempts: number;
  /** The known device that entered the password; empty for a stranger. */
  device: string;
  created_at: Instant;
  expires_at: Instant;
}

/** The authenticator app of a user. */
export interface TotpFactorsTable {
  user_id: number;
  /** Sealed. */
  secret: string;
  /** The time step (RFC 6238 §4.2) of the last code that was used. */
  last_step: number;
  created_at: Instant;
  last_used_at: Instant | null;
}

export interface RecoveryCodesTable {
  /** See `recoveryCodeId`. The code itself is not stored. */
  id: string;
  user_id: number;
  created_at: Instant;
}

/** See `Passkey`. */
export interface PasskeysTable {
  /** The credential id, in base64url. */
  id: string;
  user_id: number;
  user_handle: string;
  public_key: string;
  sign_count: number;
  transports: string;
  is_backup_eligible: Flag;
  is_backed_up: Flag;
  name: string;
  created_at: Instant;
  last_used_at: Instant | null;
}
