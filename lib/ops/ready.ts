import { findMissingMigrations, proveWritable } from "../../db/migrate.ts";
import { type Db, ping } from "../../db/open.ts";
import type { Routed } from "../context.ts";
import { describeError } from "../observability/log.ts";
import type { Reply } from "../pipeline/reply.ts";
import { json } from "../pipeline/responses.ts";
import type { Services } from "../services.ts";

/** In this order. A check that throws has failed. */
const CHECKS: Record<string, (services: Services) => Promise<boolean>> = {
  shutdown: async ({ lifecycle }) => !lifecycle.isStopping,
  database: ({ db }) => ping(db).then(() => true),
  migrations: async ({ db }) => (await findMissingMigrations(db)).length === 0,
  write: (services) => proveWritableOften(services).then(() => true),
};

/** Every client may request `/readyz`. A flood of requests must not cause a flood of writes. */
const WRITE_EVERY_MS = 1000;

/** The start of the last successful write, and the write in progress. */
const WRITES = new WeakMap<Db, { provenAt: number; underWay: Promise<void> | null }>();

/** A Postgres standby answers reads, so only a write proves that this node can write. */
async function proveWritableOften({ db, now }: Services): Promise<void> {
  const state = WRITES.get(db) ?? { provenAt: Number.NEGATIVE_INFINITY, underWay: null };
  WRITES.set(db, state);
  const startedAt = now();
  if (Math.abs(startedAt - state.provenAt) < WRITE_EVERY_MS) return; // Math.abs: the clock may have been set back.
  state.underWay ??= proveWritable(db)
    .then(() => {
      state.provenAt = startedAt;
    })
    .finally(() => {
      state.underWay = null;
    });
  await state.underWay;
}

/** `GET /readyz`: 200 if this node can read and write, else 503 with the name of the first failed check. */
export async function ready(context: Routed): Promise<Reply> {
  const { services } = context;
  for (const [failed, passes] of Object.entries(CHECKS)) {
    const isPassed = await passes(services).catch((error) => {
      services.metrics.databaseFailed();
      services.log("error", "database_unavailable", describeError(error));
      return false;
    });
    if (!isPassed) return json(context, { status: "unavailable", failed }, 503);
  }
  return json(context, { status: "ok" });
}
