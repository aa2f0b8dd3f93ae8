import type { Compilable, CompiledQuery, DialectAdapter } from "kysely";
import type { Db } from "./open.ts";
import { prepareByName } from "./statement-names.ts";

/** Stands for a parameter's value while a query is built. */
class Slot {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** What takes the place of every parameter: a slot of its name. */
const SLOTS: object = new Proxy({}, { get: (_, name) => new Slot(String(name)) });

/**
 * A query that is built and compiled once for each database, and then run with other values: to build one takes several
 * times as long as SQLite takes to answer it (measured). For those that are asked with every request or login.
 *
 * @param build may put a parameter where the query has a value and do nothing else with it, so reckon before; it names
 *   columns one by one (Postgres keeps the plan, and a migration may change what `*` means)
 */
export function prepare<P extends object, R>(
  build: (db: Db, parameters: P) => Compilable<R>,
): (db: Db, parameters: P) => CompiledQuery<R> {
  /** By what a database and its transactions have in common. */
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
  const query = build(db, SLOTS as P).compile(); // Whatever the values are, the query only holds them.
  prepareByName(query.sql);
  return query;
}
