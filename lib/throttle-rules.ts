import { type AttemptRule, type Held, MAX_SKEW_MS, type RateRule } from "../db/throttles.ts";

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Failures in a row that cost nobody a wait: people mistype. */
const FREE_FAILURES = 10;

/** 30 s to begin with, doubled at each further failure, an hour at the most. */
const WAITS_MS = [30, 60, 120, 240, 480, 960, 1920, 3600].map((seconds) => seconds * SECOND_MS);

/**
 * For an account among strangers, and for each device that its owner is known by.
 *
 * At most 100 failures in a row (NIST SP 800-63B-4 §3.2.2). Waits alone bring an attacker there in three and a half
 * days. What has not come to a wait is forgotten a day after its last failure, so that names made up by the thousand do
 * not fill the table; the rest a year after it, when no browser has its device cookie any more either.
 */
export const ATTEMPTS: AttemptRule = {
  steps: [
    ...Array.from({ length: FREE_FAILURES - 1 }, () => ({ waitMs: 0, keepMs: DAY_MS })),
    ...WAITS_MS.map((waitMs) => ({ waitMs, keepMs: 365 * DAY_MS })),
  ],
  limit: 100,
};

/** Failures from one network, under whatever names: one every 10 seconds when 30 came at once. */
export const NETWORK_FAILURES: RateRule = { limit: 30, periodMs: 300 * SECOND_MS };

/** Attempts from one network, right or wrong. */
export const NETWORK_REQUESTS: RateRule = { limit: 600, periodMs: 60 * SECOND_MS };

/** Let in, and what is then stored; or refused, storing nothing, and for how long. */
export type Decision = { held: Held } | { waitMs: number };

/** What the SQL of `reserveAttempt` decides. @param held null where nothing is stored */
export function decideAttempt(held: Held | null, { steps, limit }: AttemptRule, now: number): Decision {
  const longestMs = Math.max(...steps.map(({ waitMs }) => waitMs));
  const stored = held !== null && held.expiresAt > now ? held : { failures: 0, heldUntil: 0 };
  if (stored.failures >= limit) return { waitMs: longestMs };
  const waitMs = stored.heldUntil - now;
  // A wait that is longer than any failure brings about was reckoned by a clock that was put back since.
  if (waitMs > 0 && waitMs <= longestMs + MAX_SKEW_MS) return { waitMs };
  const step = steps[Math.min(stored.failures, steps.length - 1)] ?? { waitMs: 0, keepMs: 0 };
  const heldUntil = step.waitMs > 0 ? now + step.waitMs : 0;
  return { held: { failures: stored.failures + 1, heldUntil, expiresAt: now + step.keepMs } };
}

/** What the SQL of `reserveRate` decides. @param held null where nothing is stored */
export function decideRate(held: Held | null, { limit, periodMs }: RateRule, now: number): Decision {
  const shareMs = periodMs / limit;
  const storedMs = Math.max(0, (held?.heldUntil ?? now) - now);
  // More than it holds: the clock was put back since.
  const contentMs = storedMs > periodMs + MAX_SKEW_MS ? 0 : storedMs;
  if (contentMs > periodMs - shareMs) return { waitMs: contentMs + shareMs - periodMs };
  const heldUntil = now + contentMs + shareMs;
  return { held: { failures: 0, heldUntil, expiresAt: heldUntil } };
}
