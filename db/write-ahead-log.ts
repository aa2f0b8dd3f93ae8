import { closeSync, constants, fdatasync, fsync, openSync } from "node:fs";
import { promisify } from "node:util";

// With `synchronous = full`, SQLite itself flushes each commit to the disk and blocks the process for 1 to 3 ms
// (measured). This file flushes on another thread, once for all commits that wait. A writer gets its answer after the
// flush. Other connections see the commit slightly earlier.

export interface WriteAheadLog {
  /** Resolves when every earlier commit of this process is on the disk. @throws Error if the flush fails */
  flushed: () => Promise<void>;
  close: () => void;
}

/** For a database in memory. */
export const NO_LOG: WriteAheadLog = { flushed: () => Promise.resolve(), close: () => {} };

/** @param path an open database in WAL mode. Its log stays the same file until the database is closed. */
export function openWriteAheadLog(path: string): WriteAheadLog {
  // To close a descriptor drops the process's POSIX locks on the file. SQLite holds none on its log.
  const descriptor = openSync(`${path}-wal`, constants.O_RDWR | constants.O_NOFOLLOW);
  // On macOS, fdatasync may miss a change of the file's size (os_unix.c of SQLite, which also uses fsync there).
  const sync = promisify(process.platform === "darwin" ? fsync : fdatasync);
  return { flushed: shareFlushes(() => sync(descriptor)), close: () => closeSync(descriptor) };
}

/**
 * A commit during a flush may have come too late for it. All such commits share the next flush.
 *
 * After a failed flush, every further call fails until the process restarts and SQLite reads its log again. The state
 * of the disk is unknown, and a second fsync would not report the error
 * (https://wiki.postgresql.org/wiki/Fsync_Errors). SQLite reads its log only up to the first gap.
 */
export function shareFlushes(flush: () => Promise<void>): () => Promise<void> {
  let current = Promise.resolve();
  let next: Promise<void> | null = null;
  return () => {
    next ??= current.then(() => {
      next = null;
      current = flush();
      return current;
    });
    return next;
  };
}
