import type { Heading, Pair } from "./report.ts";

// Every row: its title, and its meaning for a newcomer. `--help` and the document are made from it.

export interface ContestantRow extends Heading {
  /** Without a login, it has no row in the table of logins. */
  hasLogin: boolean;
}

/** A situation, and the base that it is compared with in the same rounds. */
export interface CaseRow extends Heading, Pick<Pair, "baseTitle" | "figure"> {}

export const BETTER_AUTH = { name: "better-auth", version: "1.7.25" };

/** Whole servers. The ceiling comes first: the others are compared with it. */
export const CONTESTANT_ROWS = [
  {
    name: "ceiling",
    title: "the ceiling",
    meaning:
      "The most that this machine can do: Bun gives one constant answer, or checks one password, and does nothing else.",
    hasLogin: true,
  },
  {
    name: "sqlite",
    title: "Postern, SQLite",
    meaning: "Postern as `npm start` runs it. It reads the session from the database at each request.",
    hasLogin: true,
  },
  {
    name: "workers",
    title: "Postern, SQLite, 2 workers",
    meaning: "The same with `POSTERN_WORKERS=2`: two processes share the port and the file.",
    hasLogin: true,
  },
  {
    name: "binary",
    title: "Postern, SQLite, the binary",
    meaning: "The one file that `npm run build` makes.",
    hasLogin: true,
  },
  {
    name: "deno",
    title: "Postern, SQLite, on Deno",
    meaning: "The same source, run by Deno in place of Bun.",
    hasLogin: true,
  },
  {
    name: "postgres",
    title: "Postern, Postgres",
    meaning: "Postern with its data in a Postgres on the same machine. Requests that come together share a select.",
    hasLogin: true,
  },
  {
    name: "bare-pg",
    title: "one prepared select by `pg` on Bun",
    meaning: "The usual driver asks a Postgres for the same row, without a check or a log. It has no login.",
    hasLogin: false,
  },
  {
    name: "better-auth",
    title: `Better Auth ${BETTER_AUTH.version} on Bun, SQLite: \`get-session\``,
    meaning:
      "A library for logins in TypeScript, set up as its documentation says. It reads its database at each request.",
    hasLogin: true,
  },
  {
    name: "better-auth-cached",
    title: "Better Auth with its cookie cache",
    meaning: "The same, but it believes its cookie for an hour, even if the session has been ended.",
    hasLogin: true,
  },
  {
    name: "tutorial",
    title: "the tutorial: Django, gunicorn, 2 workers",
    meaning: "The login of Django REST Framework, whose wire Postern keeps.",
    hasLogin: true,
  },
] as const satisfies readonly ContestantRow[];

export type ContestantName = (typeof CONTESTANT_ROWS)[number]["name"];

/** Sessions whose cookies the requests have in turn, so that the same row is not read every time. */
export const KNOWN = 1000;

/** Users that log in. They are many, so that few logins end the user's oldest session: a user may have 100. */
export const USERS = 200;

/** Addresses that log in, each in a network of its own: each stays below the limit of logins from one network. */
export const ADDRESSES = 2000;

/** More logins at once than cores, and fewer than the queue holds: none is answered with a cheap 503. */
export const FLOOD = 64;

/** What users meet. */
export const CASE_ROWS = [
  {
    name: "sessions",
    title: "profiles, a million sessions",
    baseTitle: "the ceiling",
    figure: "perSecond",
    meaning: `The database has 1,000,000 sessions of 100,000 users. The requests have the cookies of ${KNOWN} of them in turn.`,
  },
  {
    name: "writer",
    title: "profiles, another process writes",
    baseTitle: "nothing else writes",
    figure: "perSecond",
    meaning: "A second program commits to the same SQLite file 100 times a second, like other workers or a command.",
  },
  {
    name: "throttled-logins",
    title: "logins",
    baseTitle: "argon2 alone",
    figure: "perSecond",
    meaning: `${USERS} users log in from ${ADDRESSES} addresses, with every rate limit on. The base checks the same password and stores nothing.`,
  },
  {
    name: "logins",
    title: "logins, throttle off",
    baseTitle: "argon2 alone",
    figure: "perSecond",
    meaning: "The same with `POSTERN_THROTTLE=off`. The difference is the price of the limits.",
  },
  {
    name: "flood",
    title: `p99 of profiles, ${FLOOD} log in`,
    baseTitle: "no logins",
    figure: "p99Ms",
    meaning: `How many times longer the slowest 1 % of profiles take while ${FLOOD} clients log in without a pause. Less is better.`,
  },
  {
    name: "auth",
    title: "`GET /auth/`",
    baseTitle: "`GET /profile/`",
    figure: "perSecond",
    meaning: "A back end asks who is logged in. The answer has the user's groups.",
  },
  {
    name: "nginx",
    title: "an application, nginx asks Postern",
    baseTitle: "nginx does not ask",
    figure: "perSecond",
    meaning: "Forward-auth: nginx asks Postern before each request to an application, in the documented configuration.",
  },
  {
    name: "hono",
    title: "a Hono route with `postern.user()`",
    baseTitle: "the route alone",
    figure: "perSecond",
    meaning: "Postern runs inside a Hono application. A route asks it for the user and answers in JSON.",
  },
  {
    name: "hono-profile",
    title: "`GET /profile/` in Hono",
    baseTitle: "a Hono route alone",
    figure: "perSecond",
    meaning: "Postern runs inside a Hono application, and answers one of its own paths there.",
  },
] as const satisfies readonly CaseRow[];

export type CaseName = (typeof CASE_ROWS)[number]["name"];
