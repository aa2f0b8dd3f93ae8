// The whole library would load node:http and node:zlib for its push gateway: a tenth of a start.
import Counter from "prom-client/lib/counter.js";
import Gauge from "prom-client/lib/gauge.js";
import Histogram from "prom-client/lib/histogram.js";
import Registry from "prom-client/lib/registry.js";
import type { ProblemCode } from "../http/problem.ts";
import type { WaitWatch } from "../passwords/semaphore.ts";

/** The result of a request, for its log line and the metrics. No value is copied from the request. */
export interface Answered {
  /** The path in the table of endpoints; null if no endpoint matched. */
  route: string | null;
  /** A method of RFC 9110, or PATCH. HEAD counts as GET, every other method as `other`. */
  method: string;
  status: number;
  ms: number;
  /** Null if the request was not denied. */
  problem: ProblemCode | null;
}

/** `later`: the mail is tried again. `never`: the mail server denies it. */
export type MailResult = "sent" | "later" | "never";

/** The outbox, which all processes share. */
export interface MailSample {
  waiting: number;
  givenUp: number;
  /** The age of the mail that has waited longest; 0 if none waits. */
  oldestSeconds: number;
}

/** The metrics of this process. No label holds text from a client. */
export interface Metrics {
  answered: (answered: Answered) => void;
  databaseFailed: () => void;
  /** One attempt to send a mail. */
  mailAttempted: (result: MailResult) => void;
  watchHashes: WaitWatch;
  /**
   * All metrics in the Prometheus text format.
   *
   * @param sampled values that are read only here; null if the value is unknown now
   */
  render: (sampled: Sampled) => Promise<string>;
}

interface Sampled {
  sessionsLive: number | null;
  logLinesDropped: number;
  mails: MailSample | null;
}

export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** From one query to a login that waited in a full queue. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Other problems are no login attempt, for example a request without a password. */
const LOGIN_OUTCOMES: Partial<Record<ProblemCode, string>> = {
  wrong_credentials: "refused",
  overloaded: "overloaded",
  throttled: "throttled",
};

/** @param build labels of `postern_build_info` */
export function createMetrics(now: () => number, build: Record<string, string>): Metrics {
  const registry = new Registry();
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter({ name, help, labelNames, registers: [registry] });
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const histogram = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Histogram({ name, help, labelNames, buckets: SECONDS, registers: [registry] });

  gauge("postern_build_info", "The running version; always 1.", Object.keys(build)).set(build, 1);
  const requests = counter("postern_http_requests_total", "Requests answered.", ["route", "method", "status"]);
  const latency = histogram("postern_http_request_duration_seconds", "Time from a request's head to its answer.", [
    "route",
  ]);
  const logins = counter("postern_logins_total", "Login attempts by outcome.", ["outcome"]);
  for (const outcome of ["ok", ...Object.values(LOGIN_OUTCOMES)]) logins.inc({ outcome }, 0);
  const attempts = counter("postern_mail_attempts_total", "Attempts to send a mail, by result.", ["result"]);
  for (const result of ["sent", "later", "never"] satisfies MailResult[]) attempts.inc({ result }, 0);
  const databaseErrors = counter("postern_database_errors_total", "Database errors.", []);
  const queue = gauge("postern_password_queue_length", "Password hashes that wait for a core.");
  const wait = histogram("postern_password_queue_seconds", "How long a password hash waited for a core.", []);
  const sessions = gauge("postern_sessions_live", "Sessions that are neither expired nor idle; NaN: not known.");
  const waiting = gauge("postern_mails_waiting", "Mails that wait to be sent; NaN: not known.");
  const oldest = gauge("postern_mail_oldest_seconds", "Age of the mail that has waited longest; NaN: not known.");
  const givenUp = gauge("postern_mails_given_up", "Mails of the last 7 days that were given up; NaN: not known.");
  const dropped = gauge("postern_log_lines_dropped", "Log lines that standard output did not take.");

  return {
    answered: ({ route, method, status, problem, ms }) => {
      const path = route ?? "none";
      requests.inc({ route: path, method, status });
      latency.observe({ route: path }, ms / 1000);
      if (route !== "/login/" || method !== "POST") return;
      const outcome = problem === null ? "ok" : LOGIN_OUTCOMES[problem];
      if (outcome !== undefined) logins.inc({ outcome });
    },
    databaseFailed: () => databaseErrors.inc(),
    mailAttempted: (result) => attempts.inc({ result }),
    watchHashes: () => {
      const arrivedAt = now();
      queue.inc();
      return () => {
        queue.dec();
        wait.observe(Math.max(0, now() - arrivedAt) / 1000);
      };
    },
    render: ({ sessionsLive, logLinesDropped, mails }) => {
      sessions.set(sessionsLive ?? Number.NaN);
      waiting.set(mails?.waiting ?? Number.NaN);
      oldest.set(mails?.oldestSeconds ?? Number.NaN);
      givenUp.set(mails?.givenUp ?? Number.NaN);
      dropped.set(logLinesDropped);
      return registry.metrics();
    },
  };
}
