import { type Dialect, Kysely } from "kysely";
import { sealTrail } from "../../db/event-seal.ts";
import { migrate } from "../../db/migrate.ts";
import type { Db } from "../../db/open.ts";
import type { Schema } from "../../db/schema.ts";
import { createSqliteDialect } from "../../db/sqlite.ts";
import { TEST_KEYS } from "./secret-key.ts";

/** A database in memory that notes every statement that it runs. */
export interface NotingDatabase {
  db: Db;
  close: () => Promise<void>;
  /** @returns the statements of `work`, in their order, without their values */
  statementsOf: (work: () => Promise<unknown>) => Promise<string[]>;
}

export async function openNotingDatabase(): Promise<NotingDatabase> {
  const noted: string[] = [];
  const dialect = await createSqliteDialect(":memory:", true);
  const db = new Kysely<Schema>({ dialect: { ...dialect, createDriver: () => notingDriver(dialect, noted) } });
  await migrate(db);
  await sealTrail(db, TEST_KEYS.audit, 0);
  return {
    db,
    close: () => db.destroy(),
    statementsOf: async (work) => {
      const before = noted.length;
      await work();
      return noted.slice(before);
    },
  };
}

function notingDriver(dialect: Dialect, noted: string[]): ReturnType<Dialect["createDriver"]> {
  const driver = dialect.createDriver();
  const seen = new WeakSet<object>();
  const acquire = driver.acquireConnection.bind(driver);
  driver.acquireConnection = async () => {
    const connection = await acquire();
    if (seen.has(connection)) return connection;
    seen.add(connection);
    const execute = connection.executeQuery.bind(connection);
    connection.executeQuery = (query) => {
      noted.push(query.sql);
      return execute(query);
    };
    return connection;
  };
  return driver;
}
