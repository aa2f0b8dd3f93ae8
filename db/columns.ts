import { type ColumnDefinitionBuilder, type Kysely, PostgresAdapter } from "kysely";

/** An integer primary key that the database numbers itself. */
export function numbered(db: Kysely<unknown>, column: ColumnDefinitionBuilder): ColumnDefinitionBuilder {
  const isPostgres = db.getExecutor().adapter instanceof PostgresAdapter;
  return isPostgres ? column.primaryKey().generatedByDefaultAsIdentity() : column.primaryKey().autoIncrement();
}
