import { setImmediate } from "node:timers";
import { type CompiledQuery, type DialectAdapter, type OperationNode, type RootOperationNode, TableNode } from "kysely";
import type { Db } from "./open.ts";
import type { Session } from "./sessions.ts";
import type { User } from "./users.ts";

// Sessions that were found live, kept so that the next request of each need not read the database; without a time to
// live, since none would do: a session that ends must be refused at the very next request, whoever ended it.
// - What another connection commits, be it a worker, the command line or sqlite3 by hand, changes SQLite's
//   `data_version`: asked for once in each turn of the event loop, and the cache is emptied where it has changed.
// - What this connection writes is seen as it is executed, below. A statement that has told which rows it touches
//   (`touching`) drops those; any other that may change users or sessions, as every raw one may, drops everything.
// The one connection is held by a transaction until it ends, so nothing is read in between and kept.

/** A session that was live when it was read, and its user. */
export interface LiveSession {
  session: Session;
  user: User;
}

/** What a statement may change of what is kept; null for nothing. */
export type Touched = { sessionId: string } | { userId: number } | null;

/** An entry without its texts: two objects, two places in maps (measured, 1.0 KB). */
const ENTRY_BYTES = 1024;

export class SessionCache {
  readonly #readVersion: () => number;
  readonly #maxBytes: number;
  /** By session id, the one that was read longest ago first. */
  readonly #entries = new Map<string, LiveSession>();
  readonly #byUser = new Map<number, Set<string>>();
  #bytes = 0;
  #version: number;
  #isVersionKnown = false;
  #epoch = 0;

  /** @param readVersion SQLite's `data_version` */
  constructor(readVersion: () => number, maxBytes: number) {
    this.#readVersion = readVersion;
    this.#maxBytes = maxBytes;
    this.#version = readVersion();
  }

  /** Estimated, never more than the constructor was told. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Changes whenever something was dropped: what was read before may not be kept after. */
  get epoch(): number {
    return this.#epoch;
  }

  get(id: string): LiveSession | undefined {
    this.#dropIfChangedElsewhere();
    return this.#entries.get(id);
  }

  /** @param epoch as it was before the session was read */
  keep(live: LiveSession, epoch: number): void {
    if (epoch !== this.#epoch) return;
    const { id, userId } = live.session;
    this.#remove(id);
    this.#entries.set(id, live);
    const ids = this.#byUser.get(userId) ?? new Set();
    this.#byUser.set(userId, ids.add(id));
    this.#bytes += bytesOf(live);
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#remove(oldest);
    }
  }

  /** To be called with every statement that this connection has executed. */
  executed(query: CompiledQuery): void {
    const touched = TOUCHED.get(query);
    if (touched === null || !mayChangeSessions(query.query)) return;
    this.#epoch++;
    if (touched === undefined) this.#clear();
    else if ("sessionId" in touched) this.#remove(touched.sessionId);
    else for (const id of [...(this.#byUser.get(touched.userId) ?? [])]) this.#remove(id);
  }

  #dropIfChangedElsewhere(): void {
    if (this.#isVersionKnown) return;
    const version = this.#readVersion(); // Where it cannot be read, nothing kept is used.
    this.#isVersionKnown = true;
    setImmediate(() => {
      this.#isVersionKnown = false;
    });
    if (version === this.#version) return;
    this.#version = version;
    this.#epoch++;
    this.#clear();
  }

  #clear(): void {
    this.#entries.clear();
    this.#byUser.clear();
    this.#bytes = 0;
  }

  #remove(id: string): void {
    const live = this.#entries.get(id);
    if (live === undefined) return;
    this.#entries.delete(id);
    this.#bytes -= bytesOf(live);
    const ids = this.#byUser.get(live.session.userId);
    ids?.delete(id);
    if (ids?.size === 0) this.#byUser.delete(live.session.userId);
  }
}

function bytesOf({ session, user }: LiveSession): number {
  const texts = [session.id, session.ip, session.userAgent, user.username, user.email, user.firstName, user.lastName];
  return texts.reduce((bytes, text) => bytes + 2 * text.length, ENTRY_BYTES);
}

/** Reads change nothing; a new row changes none that was read, and none of ours updates sessions or users on a conflict. */
function mayChangeSessions(query: RootOperationNode): boolean {
  switch (query.kind) {
    case "SelectQueryNode":
    case "InsertQueryNode":
      return false;
    case "UpdateQueryNode":
      return query.table === undefined || isOfSessions(query.table);
    case "DeleteQueryNode":
      return query.from.froms.some(isOfSessions);
    default:
      return true;
  }
}

/** Whether it names a table whose rows are kept; what names none plainly may. */
function isOfSessions(node: OperationNode): boolean {
  return !TableNode.is(node) || ["users", "sessions"].includes(node.table.identifier.name);
}

const TOUCHED = new WeakMap<object, Touched>();

/** Tells what a statement changes, and no more: for those that are too frequent to drop everything for. */
export function touching<R>(query: CompiledQuery<R>, touched: Touched): CompiledQuery<R> {
  TOUCHED.set(query, touched);
  return query;
}

const CACHES = new WeakMap<DialectAdapter, SessionCache>();

/** @param adapter what a database and its transactions have in common */
export function attachSessionCache(adapter: DialectAdapter, cache: SessionCache): void {
  CACHES.set(adapter, cache);
}

/** Null inside a transaction, which sees what nobody else does yet, and where the database has no cache. */
export function sessionCacheOf(db: Db): SessionCache | null {
  return db.isTransaction ? null : (CACHES.get(db.getExecutor().adapter) ?? null);
}
