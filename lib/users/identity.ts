/** The user who is logged in, as applications get it. The instants are ISO 8601, in UTC. */
export interface Identity {
  id: number;
  username: string;
  email: string;
  /** Whether the user has used a link in a mail to the address. If not, it is any text that the user or an operator typed. */
  email_verified: boolean;
  first_name: string;
  last_name: string;
  /** Sorted. */
  groups: readonly string[];
  is_staff: boolean;
  is_superuser: boolean;
  logged_in_at: string;
  /** When the user last proved to be present. */
  proved_at: string;
  /** How, by the names of RFC 8176: `pwd`, `otp`, `pop` (a passkey), and `mfa` if there were two factors. */
  amr: readonly string[];
  /** When the session ends at the latest. */
  expires_at: string;
}
