import { EventEmitter, once } from "node:events";
import { PassThrough, Writable } from "node:stream";
import { type Result, runWithStreams } from "./in-process.ts";
import { cleanEnvironment } from "./process.ts";

export const CTRL_C = "\x03";
export const CTRL_D = "\x04";

/** What a person does at a terminal: waits for a question, then types. */
export type Step = [question: string, typed: string];

export interface Person {
  /** Whether they type in the moment they see the question, and not when the program has set the terminal up for it. */
  isHasty?: boolean;
}

/**
 * Runs a command in this process at a terminal, and answers its questions.
 *
 * @returns how it ended; standard output is all that the terminal showed
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
 * Does what a terminal of the system does: it shows output with a carriage return before each line feed, and it shows what
 * is typed unless the program has set it to raw mode.
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
