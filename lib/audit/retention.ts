import { deleteInBatches } from "../../db/batches.ts";
import { cutEvents, TRAIL } from "../../db/event-cut.ts";
import { listEventsOf, type RecordedEvent } from "../../db/events.ts";
import { transaction } from "../../db/open.ts";
import type { Services } from "../services.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** The instant before which POSTERN_AUDIT_DAYS lets events be deleted. */
function horizonOf({ config, now }: Services): number {
  return config.auditDays === 0 ? Number.NEGATIVE_INFINITY : now() - config.auditDays * DAY_MS;
}

/** Deletes events that are older than POSTERN_AUDIT_DAYS, the oldest first. @returns how many there were */
export async function pruneAuditLog(services: Services): Promise<number> {
  const { config, db, keys, now } = services;
  if (config.auditDays === 0) return 0;
  const horizon = horizonOf(services);
  return deleteInBatches((limit) => transaction(db, (db) => cutEvents(db, keys.audit, { horizon, now: now() }, limit)));
}

/** A cut that deleted events which POSTERN_AUDIT_DAYS would keep. */
export interface YoungCut {
  subject: string;
  /** The number of the event that records the cut. */
  number: number;
  mistake: "young_cut";
  /** Events from before this instant were deleted, ISO 8601. */
  before: string;
}

const CUTS_AT_ONCE = 500;

export async function findYoungCuts(services: Services): Promise<YoungCut[]> {
  const horizon = horizonOf(services);
  const found: YoungCut[] = [];
  for (let before: number | null = null; ; ) {
    const events: RecordedEvent[] = await listEventsOf(services.db, TRAIL, { before, limit: CUTS_AT_ONCE });
    for (const { kind, subject, number, detail } of events) {
      const instant = / from before (\S+)$/.exec(detail)?.[1] ?? "";
      if (kind !== "events_cut" || Date.parse(instant) <= horizon) continue;
      found.push({ subject, number, mistake: "young_cut", before: instant });
    }
    const last = events.at(-1);
    if (last === undefined) return found.toReversed();
    before = last.number;
  }
}
