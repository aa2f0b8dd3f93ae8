import { type Counter, emptyCounter } from "../../db/throttles.ts";
import type { Network, NetworkWidth } from "./network.ts";

// What the throttle decides, in pure functions: lib/throttle/counts.ts locks the counters, asks here, and stores the answer.

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * How far apart two requests may be in what they take for now: the clocks of nodes differ, and the clock is read before
 * the database has time. An instant further in the future was reckoned by a clock that was put back since.
 */
const MAX_SKEW_MS = 10_000;

/** How failures in a row make the next attempt wait. */
export interface FailureRule {
  kind: "failures";
  /** What the first failure brings about, the second, and so on; the last stands for all that follow. */
  steps: readonly { waitMs: number; keepMs: number }[];
  /** The most failures in a row; every attempt after them is denied. */
  limit: number;
}

/** A bucket that each attempt fills by a share, and time drains: `limit` at once, and in the long run so many a period. */
export interface RateRule {
  kind: "rate";
  limit: number;
  /** A multiple of `limit`: a share of it is a whole number of milliseconds. */
  periodMs: number;
}

/** A counter that an attempt must pass. */
export interface Limit {
  key: string;
  rule: FailureRule | RateRule;
}

/** All that an attempt must pass. */
export interface Limits {
  /** Counts every attempt that these do not deny themselves. */
  requests: readonly Limit[];
  /** Counts an attempt if no limit denies it. */
  failures: readonly Limit[];
}

/** Failures in a row that cost nobody a wait: people mistype. */
const FREE_FAILURES = 10;

/** 30 s to begin with, doubled at each further failure, an hour at the most. */
const WAITS_MS = [30, 60, 120, 240, 480, 960, 1920, 3600].map((seconds) => seconds * SECOND_MS);

/** Waits alone bring an attacker to 70 failures in two and a half days. */
const STEPS: FailureRule["steps"] = [
  // What has not come to a wait is forgotten after a day, so that names made up by the thousand do not fill the table.
  ...Array.from({ length: FREE_FAILURES - 1 }, () => ({ waitMs: 0, keepMs: DAY_MS })),
  // The rest is kept for a year, when no browser has its device cookie any more either.
  ...WAITS_MS.map((waitMs) => ({ waitMs, keepMs: 365 * DAY_MS })),
];

/** Failures in a row of all devices of an account together. A thief with ten device cookies has no more guesses. */
const DEVICE_FAILURES = 30;

/** At most 100 failures in a row at an account, strangers and devices together (NIST SP 800-63B-4 §3.2.2). */
const ACCOUNT_FAILURES = 100;

/** For an account among strangers. */
export const STRANGERS: FailureRule = { kind: "failures", steps: STEPS, limit: ACCOUNT_FAILURES - DEVICE_FAILURES };

/** For one device: another device of the account does not wait for it. */
export const DEVICE: FailureRule = { kind: "failures", steps: STEPS, limit: DEVICE_FAILURES };

/** For all devices of an account together. Kept as long as the cookies are. */
export const DEVICES: FailureRule = {
  kind: "failures",
  steps: [{ waitMs: 0, keepMs: 365 * DAY_MS }],
  limit: DEVICE_FAILURES,
};

/**
 * How many times the room of the narrowest network a wider one has: more, since it may be many clients; and far less than
 * all its parts together, since it may be one. A /56 is a home with several networks. A /48 is a site of 65,536 /64s, or
 * as many phones. A /24 is 256 addresses, and each may stand for many clients (carrier-grade NAT, RFC 6269 §13.1).
 */
const ROOM: Record<NetworkWidth, number> = { address: 1, "/64": 1, "/56": 4, "/48": 10, "/24": 20 };

/** Failures from one network, under whatever names: one every 10 seconds when 30 came at once, if it is the narrowest. */
export function networkFailures({ width }: Pick<Network, "width">): RateRule {
  return { kind: "rate", limit: 30 * ROOM[width], periodMs: 300 * SECOND_MS };
}

/** Attempts from one network, right or wrong. */
export function networkRequests({ width }: Pick<Network, "width">): RateRule {
  return { kind: "rate", limit: 600 * ROOM[width], periodMs: 60 * SECOND_MS };
}

/** What an attempt changes, and, if it is denied, how long to wait. */
export interface Decision {
  /** Null if the attempt is granted. */
  waitMs: number | null;
  changed: Counter[];
}

/**
 * Decides about an attempt under all its limits at once: it counts everywhere, or, if one of them denies it, nowhere but
 * among the requests.
 *
 * @param stored has the counter of every limit
 */
export function decide({ requests, failures }: Limits, stored: ReadonlyMap<string, Counter>, now: number): Decision {
  const asRequest = countUnder(requests, stored, now);
  if (asRequest.waitMs !== null) return { ...asRequest, changed: [] };
  const asFailure = countUnder(failures, stored, now);
  if (asFailure.waitMs !== null) return { ...asFailure, changed: asRequest.changed };
  return { waitMs: null, changed: [...asRequest.changed, ...asFailure.changed] };
}

/** Under several limits: the longest wait, since the attempt must pass them all. */
function countUnder(limits: readonly Limit[], stored: ReadonlyMap<string, Counter>, now: number): Decision {
  const answers = limits.map(({ key, rule }) => count(stored.get(key) ?? emptyCounter(key), rule, now));
  const waits = answers.flatMap((answer) => ("waitMs" in answer ? [answer.waitMs] : []));
  const changed = answers.flatMap((answer) => ("counter" in answer ? [answer.counter] : []));
  return { waitMs: waits.length > 0 ? Math.max(...waits) : null, changed };
}

/** One attempt more; or how long to wait for it. */
function count(stored: Counter, rule: FailureRule | RateRule, now: number): { counter: Counter } | { waitMs: number } {
  return rule.kind === "rate" ? fill(stored, rule, now) : fail(stored, rule, now);
}

function fail({ key, ...stored }: Counter, rule: FailureRule, now: number): { counter: Counter } | { waitMs: number } {
  const { steps, limit } = rule;
  const longestMs = Math.max(...steps.map(({ waitMs }) => waitMs));
  const { failures, blockedUntil } = stored.expiresAt > now ? stored : { failures: 0, blockedUntil: 0 };
  if (failures >= limit) return { waitMs: longestMs };
  const waitMs = blockedUntil - now;
  // A wait that is longer than any failure brings about was reckoned by a clock that was put back since.
  if (waitMs > 0 && waitMs <= longestMs + MAX_SKEW_MS) return { waitMs };
  const step = steps[Math.min(failures, steps.length - 1)] ?? { waitMs: 0, keepMs: 0 };
  // Without a wait nothing is blocked: a node whose clock is behind would else take now for a moment to come.
  const next = step.waitMs > 0 ? now + step.waitMs : 0;
  return { counter: { key, failures: failures + 1, blockedUntil: next, expiresAt: now + step.keepMs } };
}

function fill({ key, blockedUntil }: Counter, rule: RateRule, now: number): { counter: Counter } | { waitMs: number } {
  const { periodMs } = rule;
  const shareMs = shareOf(rule);
  const storedMs = Math.max(0, blockedUntil - now);
  // More than it holds: the clock was put back since.
  const contentMs = storedMs > periodMs + MAX_SKEW_MS ? 0 : storedMs;
  if (contentMs > periodMs - shareMs) return { waitMs: contentMs + shareMs - periodMs };
  const drainedAt = now + contentMs + shareMs;
  return { counter: { key, failures: 0, blockedUntil: drainedAt, expiresAt: drainedAt } };
}

function shareOf({ limit, periodMs }: RateRule): number {
  return periodMs / limit;
}

/** Whether an account or a device has failed as often in a row as it may. */
export function isSpent({ failures, expiresAt }: Counter, { limit }: FailureRule, now: number): boolean {
  return expiresAt > now && failures >= limit;
}

/**
 * Takes an attempt back that was counted: of a bucket its share, of failures in a row one, and the wait that came of it.
 *
 * @param counted as the attempt has left the counter
 */
export function takeBack(stored: Counter, rule: FailureRule | RateRule, counted: Counter, now: number): Counter {
  if (stored.expiresAt === 0) return stored;
  if (rule.kind === "rate") {
    const blockedUntil = stored.blockedUntil - shareOf(rule);
    return { ...stored, blockedUntil, expiresAt: blockedUntil };
  }
  if (stored.failures <= 1) return emptyCounter(stored.key);
  const isOwnWait = stored.blockedUntil === counted.blockedUntil;
  const blockedUntil = isOwnWait ? Math.min(stored.blockedUntil, now) : stored.blockedUntil;
  return { ...stored, failures: stored.failures - 1, blockedUntil };
}
