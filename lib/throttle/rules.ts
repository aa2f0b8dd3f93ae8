import { type Counter, emptyCounter } from "../../db/throttles.ts";
import type { Network, NetworkWidth } from "./network.ts";

// The decision of the throttle, in pure functions. counts.ts locks the counters, asks here, and stores the answer.

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * The largest difference between the clocks of two requests: nodes differ, and a request reads its clock before it waits
 * for the database. An instant further in the future comes from a clock that was put back since.
 */
const MAX_SKEW_MS = 10_000;

/** A wait that grows with failures in a row. */
export interface FailureRule {
  kind: "failures";
  /** For the first failure, the second, and so on. The last step holds for all further ones. */
  steps: readonly { waitMs: number; keepMs: number }[];
  /** The most failures in a row; every attempt after them is denied. */
  limit: number;
}

/** A leaky bucket: `limit` attempts at once, and in the long run `limit` in each period. */
export interface RateRule {
  kind: "rate";
  limit: number;
  /** A multiple of `limit`, so that one attempt takes a whole number of milliseconds. */
  periodMs: number;
}

/** A counter that an attempt must pass. */
export interface Limit {
  key: string;
  rule: FailureRule | RateRule;
}

/** All counters that an attempt must pass. */
export interface Limits {
  /** These count every attempt, unless they deny it themselves. */
  requests: readonly Limit[];
  /** These count an attempt if no limit denies it. */
  failures: readonly Limit[];
}

/** Failures in a row before the first wait: people mistype. */
const FREE_FAILURES = 10;

/** 30 s at first, doubled at each further failure, at most an hour. */
const WAITS_MS = [30, 60, 120, 240, 480, 960, 1920, 3600].map((seconds) => seconds * SECOND_MS);

/** Waits alone bring an attacker to 70 failures in two and a half days. */
const STEPS: FailureRule["steps"] = [
  // Below the first wait a counter lasts a day, so that thousands of made-up names do not fill the table.
  ...Array.from({ length: FREE_FAILURES - 1 }, () => ({ waitMs: 0, keepMs: DAY_MS })),
  // From there it lasts a year, as long as a device cookie.
  ...WAITS_MS.map((waitMs) => ({ waitMs, keepMs: 365 * DAY_MS })),
];

/** Failures in a row of all devices of an account together: ten stolen device cookies give no more guesses than one. */
const DEVICE_FAILURES = 30;

/** At most 100 failures in a row at an account, strangers and devices together (NIST SP 800-63B-4 §3.2.2). */
const ACCOUNT_FAILURES = 100;

/** For all strangers to an account together. */
export const STRANGERS: FailureRule = { kind: "failures", steps: STEPS, limit: ACCOUNT_FAILURES - DEVICE_FAILURES };

/** For one device: another device of the account does not wait for it. */
export const DEVICE: FailureRule = { kind: "failures", steps: STEPS, limit: DEVICE_FAILURES };

/** For all devices of an account together: at the password, and at codes of an app. It lasts as long as their cookies. */
export const DEVICES: FailureRule = {
  kind: "failures",
  steps: [{ waitMs: 0, keepMs: 365 * DAY_MS }],
  limit: DEVICE_FAILURES,
};

/**
 * How many times the limit of the narrowest network a wider one has. It may be many clients, so it has more. It may be
 * one client, so it has far less than its parts together. A /56 is a home with several networks. A /48 is a site of
 * 65,536 /64s, or as many phones. A /24 is 256 addresses, each of which may be many clients (RFC 6269 §13.1).
 */
const ROOM: Record<NetworkWidth, number> = { address: 1, "/64": 1, "/56": 4, "/48": 10, "/24": 20 };

/** Failures from one network under all names. The narrowest: 30 at once, then one every 10 seconds. */
export function networkFailures({ width }: Pick<Network, "width">): RateRule {
  return { kind: "rate", limit: 30 * ROOM[width], periodMs: 300 * SECOND_MS };
}

/** Attempts from one network, right or wrong. */
export function networkRequests({ width }: Pick<Network, "width">): RateRule {
  return { kind: "rate", limit: 600 * ROOM[width], periodMs: 60 * SECOND_MS };
}

/** Requests for a mail to one address, or by one user: 5 at once, then one every 12 minutes. */
export const MAILS_TO_ONE: RateRule = { kind: "rate", limit: 5, periodMs: HOUR_MS };

/** Requests for a mail by strangers, in all. A mail provider's limit is about this large. */
export const MAILS: RateRule = { kind: "rate", limit: 1000, periodMs: HOUR_MS };

/** Requests for a mail from one network. The narrowest: 20 at once, then one every 3 minutes. */
export function mailsOfNetwork({ width }: Pick<Network, "width">): RateRule {
  return { kind: "rate", limit: 20 * ROOM[width], periodMs: HOUR_MS };
}

/** Forms sent with one link: 20 at once, then one every 3 minutes. Each may ask whether a username is taken. */
export const FORMS_OF_LINK: RateRule = { kind: "rate", limit: 20, periodMs: HOUR_MS };

/** Exports of a user's data: 6 at once, then one every 10 minutes. */
export const EXPORTS: RateRule = { kind: "rate", limit: 6, periodMs: HOUR_MS };

/**
 * Wrong codes of an authenticator app in a row, of strangers or of one device. Each wait is as after wrong passwords, without an end: at the longest, an attacker
 * who knows the password has 24 guesses a day at three codes of a million.
 */
export const FACTOR: FailureRule = { kind: "failures", steps: STEPS, limit: Number.MAX_SAFE_INTEGER };

/** Codes that were sent for one new authenticator app. Its secret expires before the counter. */
export const SETUP_CODES: FailureRule = {
  kind: "failures",
  steps: [{ waitMs: 0, keepMs: HOUR_MS }],
  limit: 5,
};

/** The counters that an attempt changes, and the wait if it is denied. */
export interface Decision {
  /** Null if the attempt is granted. */
  waitMs: number | null;
  changed: Counter[];
}

/**
 * Decides about an attempt under all its limits at once. If none denies it, all count it. If a failure limit denies it,
 * only the request limits count it.
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
  const answers = limits.map(({ key, rule }) => {
    const counter = stored.get(key) ?? emptyCounter(key);
    return rule.kind === "rate" ? fill(counter, rule, now) : fail(counter, rule, now);
  });
  const waits = answers.flatMap((answer) => ("waitMs" in answer ? [answer.waitMs] : []));
  const changed = answers.flatMap((answer) => ("counter" in answer ? [answer.counter] : []));
  return { waitMs: waits.length > 0 ? Math.max(...waits) : null, changed };
}

/** The counter with one attempt more, or the wait for it. */
type Counted = { counter: Counter } | { waitMs: number };

function fail({ key, ...stored }: Counter, rule: FailureRule, now: number): Counted {
  const { steps, limit } = rule;
  const longestMs = Math.max(...steps.map(({ waitMs }) => waitMs));
  const { failures, blockedUntil } = stored.expiresAt > now ? stored : { failures: 0, blockedUntil: 0 };
  if (failures >= limit) return { waitMs: longestMs };
  const waitMs = blockedUntil - now;
  // If the wait is longer than the longest step, it comes from a clock that was put back since.
  if (waitMs > 0 && waitMs <= longestMs + MAX_SKEW_MS) return { waitMs };
  const step = steps[Math.min(failures, steps.length - 1)] ?? { waitMs: 0, keepMs: 0 };
  // 0 without a wait: to a node whose clock is behind, `now` would be in the future.
  const next = step.waitMs > 0 ? now + step.waitMs : 0;
  return { counter: { key, failures: failures + 1, blockedUntil: next, expiresAt: now + step.keepMs } };
}

function fill({ key, blockedUntil }: Counter, rule: RateRule, now: number): Counted {
  const { periodMs } = rule;
  const shareMs = shareOf(rule);
  const storedMs = Math.max(0, blockedUntil - now);
  // If it is more than the bucket holds, the clock was put back since.
  const contentMs = storedMs > periodMs + MAX_SKEW_MS ? 0 : storedMs;
  if (contentMs > periodMs - shareMs) return { waitMs: contentMs + shareMs - periodMs };
  const drainedAt = now + contentMs + shareMs;
  return { counter: { key, failures: 0, blockedUntil: drainedAt, expiresAt: drainedAt } };
}

function shareOf({ limit, periodMs }: RateRule): number {
  return periodMs / limit;
}

/** Whether a counter has reached its limit of failures in a row. */
export function isSpent({ failures, expiresAt }: Counter, { limit }: FailureRule, now: number): boolean {
  return expiresAt > now && failures >= limit;
}

/**
 * Takes a counted attempt back: its share of a bucket, or one failure in a row with the wait that it began.
 *
 * @param counted as the attempt has left the counter
 */
export function refund(stored: Counter, rule: FailureRule | RateRule, counted: Counter, now: number): Counter {
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
