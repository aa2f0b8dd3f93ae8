import { readdirSync, readFileSync } from "node:fs";

// Reads processes from /proc on Linux. On other systems every result is null.

/** The kernel's clock ticks per second for programs (USER_HZ): 100 on every present Linux. */
const TICKS_A_SECOND = 100;

interface Process {
  pid: number;
  parent: number;
  cpuSeconds: number;
}

/** Memory and processor time of a process and all its descendants; null if the system does not report them. */
export function usageOf(pid: number): { memoryMiB: number; cpuSeconds: number } | null {
  if (process.platform !== "linux") return null;
  const tree = treeOf(pid, listProcesses());
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  return {
    memoryMiB: sum(tree.map(residentMiB)),
    cpuSeconds: sum(tree.map(({ cpuSeconds }) => cpuSeconds)),
  };
}

function treeOf(pid: number, all: Process[]): Process[] {
  const children = all.filter(({ parent }) => parent === pid);
  return [...all.filter((one) => one.pid === pid), ...children.flatMap((child) => treeOf(child.pid, all))];
}

function listProcesses(): Process[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      // The name in parentheses may hold any character. The rest is numbers (proc_pid_stat(5), from field 3 on).
      const fields = readOrNothing(`/proc/${name}/stat`)
        .replace(/^.*\) /s, "")
        .split(" ");
      if (fields.length < 13) return []; // The process has ended meanwhile.
      const ticks = Number(fields[11]) + Number(fields[12]);
      return [{ pid: Number(name), parent: Number(fields[1]), cpuSeconds: ticks / TICKS_A_SECOND }];
    });
}

/** Resident memory, shared pages included: two processes of one program count its code twice. */
function residentMiB({ pid }: Process): number {
  const [, kibibytes = "0"] = /^VmRSS:\s+(\d+) kB$/m.exec(readOrNothing(`/proc/${pid}/status`)) ?? [];
  return Number(kibibytes) / 1024;
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
