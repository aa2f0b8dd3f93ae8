import { closeSync, constants, fdatasync, fsync, openSync } from "node:fs";
import { promisify } from "node:util";

// Told to (`synchronous = full`), SQLite itself has each commit reach the disk, and stops the process until it has: for
// 1 to 3 milliseconds (measured), in which nobody is answered. Here that is done beside the work, and once for all who
// have committed meanwhile; whoever has written is told so afterwards only. Others see what was written a little
// earlier.

export interface WriteAheadLog {
  /** Resolves when all that this process had committed at the call is on the disk. @throws Error where it cannot be */
  flushed: () => Promise<void>;
  close: () => void;
}

/** For a database that ends with the process. */
export const NO_LOG: WriteAheadLog = { flushed: () => Promise.resolve(), close: () => {} };

/** @param path of a database that is open, in WAL mode: until it is closed, the file beside it stays the same one */
export function openWriteAheadLog(path: string): WriteAheadLog {
  // SQLite keeps no locks on this file, which would be dropped as it is closed.
  // As SQLite itself, follow no link: it has opened the file, and another one is none of ours.
  const descriptor = openSync(`${path}-wal`, constants.O_RDWR | constants.O_NOFOLLOW);
  // On macOS the other one may miss that the file has grown, says SQLite's source, which chooses alike.
  const sync = promisify(process.platform === "darwin" ? fsync : fdatasync);
  return { flushed: shareFlushes(() => sync(descriptor)), close: () => closeSync(descriptor) };
}

/**
 * Who comes while a flush is under way may have written after it began: all of those share the next one.
 *
 * One that has failed is the last: what it left on the disk nobody knows, a further one would report nothing of it
 * (https://wiki.postgresql.org/wiki/Fsync_Errors), and SQLite reads its log no further than to the first gap. All who
 * write are refused until the next start, which reads the log anew.
 */
export function shareFlushes(flush: () => Promise<void>): () => Promise<void> {
  let underWay = Promise.resolve();
  let next: Promise<void> | null = null;
  return () => {
    next ??= underWay.then(() => {
      next = null;
      underWay = flush();
      return underWay;
    });
    return next;
  };
}
