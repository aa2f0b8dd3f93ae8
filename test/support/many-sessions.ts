import type { KyselyPlugin } from "kysely";
import type { Db } from "../../db/open.ts";
import { hashToken } from "../../lib/crypto/token.ts";

const DAY_MS = 86_400_000;

/**
 * Adds live sessions of a user without logins, as an older version may have left them. Each was used a second before the
 * one added before it, ten of them in the same millisecond.
 */
export async function addSessions(db: Db, userId: number, count: number, now: number): Promise<void> {
  const rows = Array.from({ length: count }, (_, index) => ({
    id: hashToken(`session ${index} of ${userId}`),
    user_id: userId,
    created_at: now - DAY_MS,
    last_seen_at: now - 1000 * Math.ceil((index + 1) / 10),
    expires_at: now + DAY_MS,
    ip: "192.0.2.1",
    user_agent: `curl/${index}`,
  }));
  for (let start = 0; start < count; start += 1000) {
    await db
      .insertInto("sessions")
      .values(rows.slice(start, start + 1000))
      .execute();
  }
}

/** Records the maximum of rows that one statement returned or changed. */
export function watchRows(): KyselyPlugin & { most: number } {
  const watch = {
    most: 0,
    transformQuery: ({ node }: Parameters<KyselyPlugin["transformQuery"]>[0]) => node,
    transformResult: async ({ result }: Parameters<KyselyPlugin["transformResult"]>[0]) => {
      watch.most = Math.max(watch.most, result.rows.length, Number(result.numAffectedRows ?? 0n));
      return result;
    },
  };
  return watch;
}
