import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ProblemCode } from "../http/problem.ts";
import type { WaitWatch } from "../passwords/semaphore.ts";

/** What became of a request, for its log line and the metrics. Nothing in it is as the client sent it. */
export interface Answered {
  /** The path in the table of endpoints, null where it is none of them. */
  route: string | null;
  /** A method of RFC 9110 or PATCH, and GET for HEAD; `other` for any other. */
  method: string;
  status: number;
  ms: number;
  /** Null where the request was not refused. */
  problem: ProblemCode | null;
}

/** What this process counts. No label ever takes what a client sent. */
export interface Metrics {
  answered: (answered: Answered) => void;
  databaseFailed: () => void;
  watchHashes: WaitWatch;
  /**
   * Everything in the Prometheus text format.
   *
   * @param sampled what is not counted as it happens; null where it cannot be told at present
   */
  render: (sampled: { sessionsLive: number | null; logLinesDropped: number }) => Promise<string>;
}

export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** From a lookup in the database to a login at the end of a long line of others. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What a login came to. A request that is no attempt, such as one without a password, counts as none. */
const LOGIN_OUTCOMES: Partial<Record<ProblemCode, string>> = {
  wrong_credentials: "refused",
  overloaded: "overloaded",
  throttled: "throttled",
};

/** @param build told as labels of `postern_build_info` */
export function createMetrics(now: () => number, build: Record<string, string>): Metrics {
  const registers = [new Registry()] as const;
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter({ name, help, labelNames, registers: [...registers] });
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers: [...registers] });
  const histogram = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Histogram({ name, help, labelNames, buckets: SECONDS, registers: [...registers] });

  gauge("postern_build_info", "What is running; always 1.", Object.keys(build)).set(build, 1);
  const requests = counter("postern_http_requests_total", "Requests answered.", ["route", "method", "status"]);
  const latency = histogram("postern_http_request_duration_seconds", "From a request's head to its answer.", ["route"]);
  const logins = counter("postern_logins_total", "Logins tried, by what they came to.", ["outcome"]);
  for (const outcome of ["ok", ...Object.values(LOGIN_OUTCOMES)]) logins.inc({ outcome }, 0);
  const databaseErrors = counter("postern_database_errors_total", "Failures to reach or use the database.", []);
  const queue = gauge("postern_password_queue_length", "Password hashes that wait for a core.");
  const wait = histogram("postern_password_queue_seconds", "How long a password hash waited for a core.", []);
  const sessions = gauge("postern_sessions_live", "Sessions that are neither expired nor idle; NaN: not known.");
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
    watchHashes: () => {
      const joinedAt = now();
      queue.inc();
      return () => {
        queue.dec();
        wait.observe(Math.max(0, now() - joinedAt) / 1000);
      };
    },
    render: ({ sessionsLive, logLinesDropped }) => {
      sessions.set(sessionsLive ?? Number.NaN);
      dropped.set(logLinesDropped);
      return registers[0].metrics();
    },
  };
}
