import { EventEmitter, once } from "node:events";
import { PassThrough, Writable } from "node:stream";
import { type Result, runWithStreams } from "./in-process.ts";
import { cleanEnvironment } from "./process.ts";

export const CTRL_C = "\x03";
export const CTRL_D = "\x04";

/** A step of a person at a terminal: wait for a question, then type. */
export type Step = [question: string, typed: string];

export interface Person {
  /** Whether the person types at once, and not after the program has prepared the terminal. */
  isHasty?: boolean;
}

/**
 * Runs a command in this process at a terminal, and answers its questions.
 *
 * @returns its end; standard output is everything that the terminal showed
 */
export async function runAtTerminal(
  folder: string,
  args: string[],
  steps: Step[],
  { isHasty = false }: Person = {},
): Promise<Result> {
  const terminal = createFakeTerminal();
  const ended = runWithStreams({ folder, args, environment: cleanEnvironment() }, terminal.streams).then(
    (code): Result => ({ code, stdout: terminal.shown(), stderr: "" }),
  );
  let seen = 0;
  for (const [question, typed] of steps) {
    const isReady = () => terminal.shown().includes(question, seen) && (isHasty || typed === "" || terminal.isRaw());
    while (!isReady()) {
      const more = await Promise.race([once(terminal.changes, "change"), ended]);
      if (!Array.isArray(more)) throw new Error(`It ended without asking "${question}": ${JSON.stringify(more)}`);
    }
    seen = terminal.shown().indexOf(question, seen) + question.length;
    terminal.type(typed);
  }
  return ended;
}

/**
 * Behaves like a terminal of the system. It shows output with a carriage return before each line feed. It shows typed text
 * unless the program has set raw mode.
 */
function createFakeTerminal() {
  let shown = "";
  let isRaw = false;
  const changes = new EventEmitter();
  const change = () => changes.emit("change");
  const show = (text: string) => {
    shown += text.replaceAll("\n", "\r\n");
    change();
  };
  const setRawMode = (mode: boolean) => {
    isRaw = mode;
    change();
    return stdin;
  };
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode });
  const createScreen = () => {
    const write = (chunk: unknown, _encoding: string, done: () => void) => {
      show(String(chunk));
      done();
    };
    return Object.assign(new Writable({ write, decodeStrings: false }), { isTTY: true });
  };
  return {
    streams: { stdin, stdout: createScreen(), stderr: createScreen() },
    changes,
    shown: () => shown,
    isRaw: () => isRaw,
    type: (text: string) => {
      if (!isRaw && text !== "") show(text.replaceAll("\r", "\n"));
      if (text !== "") stdin.write(text);
    },
  };
}
