import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./poll.ts";
import { freePort, type SharedPostgres } from "./postgres.ts";

/** Whether PgBouncer is installed (Debian's package `pgbouncer`). */
export const HAS_PGBOUNCER = spawnSync("pgbouncer", ["--version"]).status === 0;

export interface PgBouncer extends AsyncDisposable {
  /** The URL of a server behind it. */
  through: (url: string) => string;
}

/** A PgBouncer with its defaults, before a Postgres. It does not run as root, so root runs it as another user. */
export async function startPgBouncer(postgres: SharedPostgres, mode: "session" | "transaction"): Promise<PgBouncer> {
  const folder = await mkdtemp(join(tmpdir(), "postern-pgbouncer-"));
  await chmod(folder, 0o755);
  const port = await freePort();
  const ini = [
    "[databases]",
    `* = host=127.0.0.1 port=${postgres.port}`,
    "[pgbouncer]",
    "listen_addr = 127.0.0.1",
    `listen_port = ${port}`,
    "unix_socket_dir =",
    "auth_type = plain",
    `auth_file = ${join(folder, "users.txt")}`,
    `pool_mode = ${mode}`,
  ];
  await writeFile(join(folder, "users.txt"), '"postgres" "postgres"\n');
  await writeFile(join(folder, "pgbouncer.ini"), `${ini.join("\n")}\n`);
  const asOther = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
  const child = spawn("pgbouncer", ["-q", ...asOther, join(folder, "pgbouncer.ini")], { stdio: "ignore" });
  await until("PgBouncer listens", () => answers(port));
  return {
    through: (url) => url.replace(`:${postgres.port}/`, `:${port}/`),
    [Symbol.asyncDispose]: async () => {
      await end(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
