import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { quickProgram, type Server } from "./process.ts";

const run = promisify(execFile);

/** A folder in which a database soon fills the disk. */
export interface SmallDisk extends AsyncDisposable {
  /** Its kind, for the report of the test. */
  kind: string;
  /** The program to start. */
  program: readonly string[];
  /** Relative to the sandbox. Create the users first: the rest of the space is for sessions. */
  databaseUrl: string;
  fill: (server: Server) => Promise<void>;
  makeRoom: (server: Server) => Promise<void>;
}

/** A file system of 1 MiB if root may mount one, else a limit on the size of every file that it writes. */
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
    program: quickProgram(),
    databaseUrl: "sqlite:disk/postern.db",
    fill: async () => {
      for (let bytes = 1 << 20; bytes >= 512; bytes /= 2) {
        await writeFile(ballast, new Uint8Array(bytes), { flag: "a" }).catch(() => {}); // The part that fits is written.
      }
    },
    makeRoom: () => rm(ballast),
    [Symbol.asyncDispose]: async () => {
      await run("umount", ["--lazy", folder]);
    },
  };
}

/** The signal for a file that is too large is ignored, so the write fails instead. */
function limitedFiles(): SmallDisk {
  const limit = (size: string) => async (server: Server) => {
    await run("prlimit", ["--pid", String(server.pid), `--fsize=${size}:unlimited`]);
  };
  return {
    kind: "a limit on the size of files (RLIMIT_FSIZE)",
    program: ["sh", "-c", `trap "" XFSZ; exec "$@"`, "sh", ...quickProgram()],
    databaseUrl: "sqlite:disk/postern.db",
    fill: limit("4096"),
    makeRoom: limit("unlimited"),
    [Symbol.asyncDispose]: async () => {},
  };
}
