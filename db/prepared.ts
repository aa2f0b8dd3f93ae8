import { hash } from "node:crypto";
import type { Compilable, CompiledQuery, DialectAdapter } from "kysely";
import type { Db } from "./schema.ts";

/** The placeholder of a parameter while a query is built. */
class Slot {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** The names of the prepared statements, by SQL text. */
const NAMES = new Map<string, string>();

/** Returns a slot for every property. */
const SLOTS: object = new Proxy({}, { get: (_, name) => new Slot(String(name)) });

/**
 * Builds and compiles a query once per database, then runs it with other values. To build a query takes several times as
 * long as SQLite needs to answer it (measured). For the queries of every request or login.
 *
 * @param build may use a parameter only as a value of the query: it cannot calculate with it. It must name each column,
 *   because Postgres keeps the plan and a migration may change the meaning of `*`.
 */
export function prepare<P extends object, R>(
  build: (db: Db, parameters: P) => Compilable<R>,
): (db: Db, parameters: P) => CompiledQuery<R> {
  /** By adapter: a database and its transactions share it. */
  const compiled = new WeakMap<DialectAdapter, CompiledQuery<R>>();
  return (db, parameters) => {
    const { adapter } = db.getExecutor();
    const query = compiled.get(adapter) ?? compile(db, build);
    compiled.set(adapter, query);
    const fill = (slot: unknown): unknown => (slot instanceof Slot ? Reflect.get(parameters, slot.name) : slot);
    return { ...query, parameters: query.parameters.map(fill) };
  };
}

function compile<P, R>(db: Db, build: (db: Db, parameters: P) => Compilable<R>): CompiledQuery<R> {
  const query = build(db, SLOTS as P).compile(); // `build` only passes the values on.
  NAMES.set(query.sql, `postern_${hash("sha256", query.sql).slice(0, 16)}`);
  return query;
}

/** The name by which each connection to Postgres parses and plans a statement once; undefined if it is not prepared. */
export function preparedName(text: string): string | undefined {
  return NAMES.get(text);
}
