import type { Full } from "../context.ts";

/** The user who is logged in. Instants are ISO 8601, in UTC. */
export interface Identity {
  id: number;
  username: string;
  email: string;
  first_name: string;
  last_name: string;
  /** Names, sorted. */
  groups: string[];
  is_staff: boolean;
  is_superuser: boolean;
  /** When the session began. */
  logged_in_at: string;
  /** When the user last proved to be present. */
  proved_at: string;
  /** When the session ends at the latest. */
  expires_at: string;
}

export function identityOf({ user, session, provenAt }: Full): Identity {
  return {
    id: user.id,
    username: user.username,
    email: user.email,
    first_name: user.firstName,
    last_name: user.lastName,
    groups: [],
    is_staff: user.isStaff,
    is_superuser: user.isSuperuser,
    logged_in_at: new Date(session.createdAt).toISOString(),
    proved_at: new Date(provenAt).toISOString(),
    expires_at: new Date(session.expiresAt).toISOString(),
  };
}
