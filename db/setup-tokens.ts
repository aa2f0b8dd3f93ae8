import { isTokenValid } from "./one-time-tokens.ts";
import type { Db } from "./open.ts";
import type { Instant } from "./schema.ts";

export function isSetupTokenGood(db: Db, id: string, now: Instant): Promise<boolean> {
  return isTokenValid(db, "setup", id, now);
}
