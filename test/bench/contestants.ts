import { existsSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { openDatabase } from "../../db/open.ts";
import { insertSession } from "../../db/sessions.ts";
import manifest from "../../package.json" with { type: "json" };
import { ROOT } from "../support/process.ts";
import { TEST_SECRET_KEY } from "../support/secret-key.ts";
import { BETTER_AUTH, CONTESTANT_ROWS, type ContestantName, type ContestantRow } from "./rows.ts";
import { type Program, type Stage, Unavailable } from "./stage.ts";

export const USER = { username: "alice", email: "alice@example.com", password: "right horse" };

/** How to start a server and send requests to it. */
export interface Recipe {
  program: (port: number) => Program;
  /** The path that returns the user who is logged in. */
  profile: string;
  login: { path: string; body: Record<string, string> };
}

export interface Contestant extends ContestantRow {
  /** @throws Unavailable if the row must be left out */
  prepare: (stage: Stage) => Promise<Recipe>;
}

/** A bench from one address would hit the throttle of logins at once. */
const UNTHROTTLED: Record<string, string> = { POSTERN_THROTTLE: "off" };

const ASKED = {
  profile: "/profile/",
  login: { path: "/login/", body: { username: USER.username, password: USER.password } },
};

const DENO = { name: "deno", version: "2.9.6" };

/** Debian's own: its packages, such as python3-django, install for it. */
const PYTHON = "/usr/bin/python3";

/** Connections to Postgres, for Postern and for the bare driver. */
const POOL_SIZE = "10";

const PREPARE: Record<ContestantName, Contestant["prepare"]> = {
  ceiling: async () => preparePeer("ceiling.ts"),
  sqlite: (stage) => preparePostern(stage),
  workers: (stage) => preparePostern(stage, fromSource, { POSTERN_WORKERS: "2" }),
  binary: prepareBinary,
  deno: prepareDeno,
  postgres: preparePostgres,
  "bare-pg": prepareBarePg,
  "better-auth": (stage) => prepareBetterAuth(stage, 0),
  "better-auth-cached": (stage) => prepareBetterAuth(stage, 3600),
  tutorial: prepareTutorial,
};

export const CONTESTANTS: readonly Contestant[] = CONTESTANT_ROWS.map((row) => ({
  ...row,
  prepare: PREPARE[row.name],
}));

const fromSource = [process.execPath, "run", join(ROOT, "server.ts")];

/** @param program the arguments before Postern's own */
export async function preparePostern(
  stage: Stage,
  program: readonly string[] = fromSource,
  settings: Record<string, string> = {},
): Promise<Recipe> {
  const folder = await stage.folder("postern");
  const environment = { ...UNTHROTTLED, POSTERN_SECRET_KEY: TEST_SECRET_KEY, ...settings };
  const createUser = ["createuser", USER.username, "--email", USER.email, "--password-stdin"];
  await stage.run({ command: [...program, ...createUser], folder, environment }, USER.password);
  return {
    program: (port) => ({ command: program, folder, environment: { ...environment, PORT: String(port) } }),
    ...ASKED,
  };
}

/** Built from the present source. */
async function prepareBinary(stage: Stage): Promise<Recipe> {
  const file = join(await stage.folder("binary"), "postern");
  const command = manifest.scripts.build.replace("dist/postern", file).split(" ").with(0, process.execPath);
  await stage.run({ command, folder: ROOT, environment: {} });
  return preparePostern(stage, [file]);
}

async function prepareDeno(stage: Stage): Promise<Recipe> {
  const installed = async () => join(await stage.install(DENO.name, DENO.version), "node_modules/.bin/deno");
  const deno = Bun.which("deno") ?? (await installed());
  return preparePostern(stage, [deno, "run", "-A", join(ROOT, "server.ts")]);
}

async function preparePostgres(stage: Stage): Promise<Recipe> {
  const url = await (await stage.postgres()).createDatabase("ours");
  return preparePostern(stage, fromSource, { DATABASE_URL: url, POSTERN_DATABASE_POOL_SIZE: POOL_SIZE });
}

/** On a database that Postern has created, with one user and one session. */
async function prepareBarePg(stage: Stage): Promise<Recipe> {
  const postgres = await stage.postgres();
  const url = await postgres.createDatabase("bare");
  await preparePostern(stage, fromSource, { DATABASE_URL: url });
  const db = await openDatabase(url, { mayCreate: false, poolSize: 1 });
  const times = { createdAt: 0, lastSeenAt: 0, expiresAt: 0, provedAt: 0 };
  await insertSession(db, { id: "0".repeat(64), userId: 1, ...times, ip: "127.0.0.1", userAgent: "", amr: "pwd" });
  await db.destroy();
  return preparePeer("bare-pg.ts", url, POOL_SIZE);
}

/** @param file a program in peers/; its first argument is the port */
export function preparePeer(file: string, ...args: string[]): Recipe {
  const script = join(import.meta.dirname, "peers", file);
  return {
    program: (port) => ({
      command: [process.execPath, script, String(port), ...args],
      folder: ROOT,
      environment: { NODE_ENV: "production" },
    }),
    ...ASKED,
  };
}

/** @param cookieCacheSeconds how long it trusts the user in its cookie without a look at the database; 0 is never */
async function prepareBetterAuth(stage: Stage, cookieCacheSeconds: number): Promise<Recipe> {
  const folder = await stage.install(BETTER_AUTH.name, BETTER_AUTH.version);
  const script = join(folder, "server.js");
  await copyFile(join(import.meta.dirname, "peers/better-auth.js"), script);
  const database = join(await stage.folder("better-auth"), "database.db");
  const command = (port: number, ...more: string[]) =>
    [process.execPath, script, String(port), database, String(cookieCacheSeconds), ...more] as const;
  const environment = { NODE_ENV: "production" };
  await stage.run({ command: command(0, JSON.stringify({ ...USER, name: USER.username })), folder, environment });
  return {
    program: (port) => ({ command: command(port), folder, environment }),
    profile: "/api/auth/get-session",
    login: { path: "/api/auth/sign-in/email", body: { email: USER.email, password: USER.password } },
  };
}

async function prepareTutorial(stage: Stage): Promise<Recipe> {
  const folder = await stage.folder("tutorial");
  const environment = { DATABASE: join(folder, "db.sqlite3") };
  const tryImports = [PYTHON, "-c", "import django, rest_framework, gunicorn"];
  const isThere =
    existsSync(PYTHON) && (await stage.run({ command: tryImports, folder, environment }).catch(() => null));
  if (isThere === false || isThere === null) {
    throw new Unavailable("apt-get install python3-django python3-djangorestframework gunicorn");
  }
  await copyFile(join(import.meta.dirname, "peers/tutorial.py"), join(folder, "tutorial.py"));
  const create = `import tutorial; tutorial.prepare(*${JSON.stringify([USER.username, USER.email, USER.password])})`;
  await stage.run({ command: [PYTHON, "-c", create], folder, environment });
  const serve = [PYTHON, "-m", "gunicorn", "--workers", "2", "tutorial:application", "--bind"];
  return { program: (port) => ({ command: [...serve, `127.0.0.1:${port}`], folder, environment }), ...ASKED };
}
