import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { FROM_SOURCE, type Server } from "./process.ts";

const run = promisify(execFile);

/** A place where a database soon has no more room. */
export interface SmallDisk extends AsyncDisposable {
  /** How it is made, for the report of the test. */
  kind: string;
  /** The program, as it is to be started. */
  program: readonly string[];
  /** Relative to the sandbox: make it after the users are there, and the room that is left is for sessions. */
  databaseUrl: string;
  fill: (server: Server) => Promise<void>;
  makeRoom: (server: Server) => Promise<void>;
}

/** A file system of one mebibyte where root may mount one; else a limit on the size of every file that it writes. */
export async function createSmallDisk(parent: string): Promise<SmallDisk> {
  const folder = join(parent, "disk");
  await mkdir(folder);
  try {
    await run("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]);
  } catch {
    return limitedFiles();
  }
  const ballast = join(folder, "ballast");
  return {
    kind: "a tmpfs of 1 MiB",
    program: FROM_SOURCE,
    databaseUrl: "sqlite:disk/postern.db",
    fill: async () => {
      for (let bytes = 1 << 20; bytes >= 512; bytes /= 2) {
        await writeFile(ballast, new Uint8Array(bytes), { flag: "a" }).catch(() => {}); // What fits is written.
      }
    },
    makeRoom: () => rm(ballast),
    [Symbol.asyncDispose]: async () => {
      await run("umount", ["--lazy", folder]);
    },
  };
}

/** The signal that a file too large sends is ignored, so that the write fails instead. */
function limitedFiles(): SmallDisk {
  const limit = (size: string) => async (server: Server) => {
    await run("prlimit", ["--pid", String(server.pid), `--fsize=${size}:unlimited`]);
  };
  return {
    kind: "a limit on the size of files (RLIMIT_FSIZE)",
    program: ["sh", "-c", `trap "" XFSZ; exec "$@"`, "sh", ...FROM_SOURCE],
    databaseUrl: "sqlite:disk/postern.db",
    fill: limit("4096"),
    makeRoom: limit("unlimited"),
    [Symbol.asyncDispose]: async () => {},
  };
}
