import type { Compilable, CompiledQuery, DialectAdapter } from "kysely";
import type { Db } from "./open.ts";
import { prepareByName } from "./statement-names.ts";

/** The placeholder of a parameter while a query is built. */
class Slot {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

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
  prepareByName(query.sql);
  return query;
}
