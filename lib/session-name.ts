import type { Session } from "../db/sessions.ts";
import { hashToken } from "./crypto/token.ts";

/**
 * What a session is called where people and programs see it: 20 hex characters from a hash of its id, which is a hash
 * itself. It opens nothing, and does not tell the id that the database keys on.
 */
export function sessionName({ id }: Pick<Session, "id">): string {
  return hashToken(`session name of ${id}`).slice(0, 20);
}
