/** The user who is logged in, as applications get it. The instants are ISO 8601, in UTC. */
export interface Identity {
  id: number;
  username: string;
  email: string;
  first_name: string;
  last_name: string;
  /** Sorted. */
  groups: readonly string[];
  is_staff: boolean;
  is_superuser: boolean;
  logged_in_at: string;
  /** When the user last proved to be present. */
  proved_at: string;
  /** When the session ends at the latest. */
  expires_at: string;
}
