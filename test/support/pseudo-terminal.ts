import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { environment } from "../../lib/config/load.ts";
import type { Result } from "./in-process.ts";
import { quickProgram, start } from "./process.ts";
import type { Person, Step } from "./terminal.ts";

/** Passes bytes between our pipes and a terminal. If it is patient, it types after the terminal has stopped the echo. */
const PYTHON_TERMINAL = `
import os, pty, select, sys, termios, time
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
sources = [terminal, 0]
while True:
    ready = select.select(sources, [], [])[0]
    if terminal in ready:
        try:
            shown = os.read(terminal, 4096)
        except OSError:
            break
        if not shown:
            break
        os.write(1, shown)
    elif 0 in ready:
        typed = os.read(0, 4096)
        if not typed:
            sources = [terminal]
        deadline = time.monotonic() + 10
        while sys.argv[1] == "patient" and time.monotonic() < deadline:
            if not termios.tcgetattr(terminal)[3] & termios.ECHO:
                break
            time.sleep(0.001)
        os.write(terminal, typed)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) % 256)
`;

/** Like `runAtTerminal`, in a separate process at a terminal of the system. */
export async function runAtPseudoTerminal(
  folder: string,
  args: string[],
  steps: Step[],
  { isHasty = false }: Person = {},
): Promise<Result> {
  const { child, output, ended } = start(terminalCommand([...quickProgram(), ...args], isHasty), folder);
  let seen = 0;
  for (const [question, typed] of steps) {
    while (!output.stdout.includes(question, seen)) {
      const more = await Promise.race([once(child.stdout, "data"), ended]);
      if (!Array.isArray(more)) throw new Error(`It ended without asking "${question}": ${JSON.stringify(more)}`);
    }
    seen = output.stdout.indexOf(question, seen) + question.length;
    child.stdin.write(typed);
  }
  return ended;
}

let hasPython: boolean | undefined;

/** @throws Error if this machine has no program for a terminal */
function terminalCommand(command: string[], isHasty: boolean): string[] {
  hasPython ??= works("python3", ["-I", "-S", "-c", "import pty, termios"]);
  if (hasPython) {
    return ["python3", "-I", "-S", "-c", PYTHON_TERMINAL, isHasty ? "hasty" : "patient", ...command];
  }
  if (works("script", ["--version"])) {
    const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    return ["script", "--quiet", "--return", "--command", quoted, "/dev/null"];
  }
  throw new Error(
    "What is asked at a terminal cannot be tested: neither python3 nor script (util-linux) is installed.",
  );
}

function works(program: string, args: string[]): boolean {
  const { PATH = "", HOME = "" } = environment;
  return spawnSync(program, args, { env: { PATH, HOME } }).status === 0;
}
