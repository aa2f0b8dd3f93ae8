import type { Kysely } from "kysely";

/**
 * Finds the sessions of a user in the order of their last use. A page of them, and the least recently used ones, are
 * then read without the rest. The id makes the order total: many sessions may have been used in the same millisecond.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const columns = ["user_id", "last_seen_at", "id"];
  await db.schema.createIndex("sessions_user_id_last_seen_at").on("sessions").columns(columns).execute();
  // Every search for a user's sessions uses the new index, also the one of `on delete cascade`.
  await db.schema.dropIndex("sessions_user_id").execute();
}
