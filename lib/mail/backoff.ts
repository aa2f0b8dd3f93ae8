/** The wait after the first failure. It doubles with each further one, up to the longest. */
const FIRST_MS = 1000;
const LONGEST_MS = 30_000;

/** How long the mailer waits while the mail server or the database is out of order. */
export interface Backoff {
  /** Failures during a wait count as one. */
  failed: () => void;
  succeeded: () => void;
  isWaiting: () => boolean;
  /** Whether the last attempt failed. */
  isActive: () => boolean;
}

export function createBackoff(now: () => number): Backoff {
  let waitMs = 0;
  let endsAt = 0;
  const isWaiting = () => now() < endsAt;
  return {
    failed: () => {
      if (isWaiting()) return;
      waitMs = waitMs === 0 ? FIRST_MS : Math.min(2 * waitMs, LONGEST_MS);
      endsAt = now() + waitMs;
    },
    succeeded: () => {
      waitMs = 0;
      endsAt = 0;
    },
    isWaiting,
    isActive: () => waitMs > 0,
  };
}
