import { findMissingMigrations } from "../../db/migrate.ts";
import { ping } from "../../db/open.ts";
import { json } from "../answer.ts";
import type { Context, Services } from "../context.ts";
import { describeError } from "../log.ts";

/** In the order they are asked; one that throws has failed. */
const CHECKS: Record<string, (services: Services) => Promise<boolean>> = {
  shutdown: async ({ lifecycle }) => !lifecycle.isStopping,
  database: ({ db }) => ping(db).then(() => true),
  migrations: async ({ db }) => (await findMissingMigrations(db)).length === 0,
};

/** `GET /readyz`: 200 where a visitor would be served, else 503 with the first check that failed. */
export async function ready(context: Context): Promise<Response> {
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
