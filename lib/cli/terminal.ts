import { createInterface, type Interface } from "node:readline";
import { Writable } from "node:stream";
import { CommandError } from "./command.ts";

/** Where a command talks to a person, or to the program that runs it. */
export interface Terminal {
  /** Whether somebody is there to be asked. */
  isInteractive: boolean;
  /** Results: standard output. */
  print: (text: string) => void;
  /** Questions and remarks: standard error. */
  remark: (text: string) => void;
  /** Writes one line of standard error over the one before; null where that is no terminal. */
  redraw: ((line: string) => void) | null;
  ask: (question: string) => Promise<string>;
  /** As `ask`, without showing what is typed. */
  askHidden: (question: string) => Promise<string>;
  /** All of standard input. */
  readInput: () => Promise<string>;
  /** Gives the terminal back. */
  close: () => void;
}

export function createTerminal(): Terminal {
  const prompt = createPrompt();
  return {
    isInteractive: process.stdin.isTTY === true,
    print: (text) => process.stdout.write(`${text}\n`),
    remark: (text) => process.stderr.write(`${text}\n`),
    redraw: process.stderr.isTTY ? (line) => process.stderr.write(`\r\x1b[K${line}`) : null,
    ask: (question) => prompt.ask(question, { isHidden: false }),
    askHidden: (question) => prompt.ask(question, { isHidden: true }),
    readInput,
    close: prompt.close,
  };
}

async function readInput(): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new CommandError("Standard input is not UTF-8.");
  }
}

/**
 * Asks one question after the other. The terminal is in raw mode from the first one to `close`, so that nothing typed or
 * pasted ahead is lost, or shown where it is a password.
 */
function createPrompt() {
  const lines: string[] = [];
  let isHidden = true;
  let isOver = false;
  let wake = () => {};
  let reader: Interface | undefined;
  const output = new Writable({
    write: (chunk, _encoding, done) => {
      if (!isHidden) process.stderr.write(chunk);
      done();
    },
  });
  const open = () => {
    const opened = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 });
    opened.on("line", (line) => {
      lines.push(line);
      isHidden = true; // What comes behind it may answer a hidden question.
      wake();
    });
    opened.on("SIGINT", () => opened.close());
    opened.on("close", () => {
      isOver = true;
      wake();
    });
    return opened;
  };
  const ask = async (question: string, how: { isHidden: boolean }): Promise<string> => {
    reader ??= open();
    process.stderr.write(question);
    isHidden = how.isHidden;
    while (lines.length === 0 && !isOver) await new Promise<void>((resolve) => (wake = resolve));
    const line = lines.shift();
    if (how.isHidden || line === undefined) process.stderr.write("\n");
    if (line === undefined) throw new CommandError("Cancelled: nothing was changed.");
    return line;
  };
  return { ask, close: () => reader?.close() };
}

/** Rows under their headings, in columns as wide as they need to be. */
export function formatTable(headings: string[], rows: string[][]): string {
  const table = [headings, ...rows].map((row) => row.map(printable));
  const widths = headings.map((_, column) => Math.max(...table.map((row) => (row[column] ?? "").length)));
  const lines = table.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
  return lines.map((line) => line.trimEnd()).join("\n");
}

/** Indented JSON that is safe to look at: control and format characters are escaped. */
export function formatJson(value: unknown): string {
  const escaped = (character: string) =>
    Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`);
  return JSON.stringify(value, null, 2).replace(/[^\P{C}\n]/gu, (character) => escaped(character).join(""));
}

/** Text from outside, such as a User-Agent, must not steer the operator's terminal. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, "\ufffd");
}
