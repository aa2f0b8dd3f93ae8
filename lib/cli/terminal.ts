import { createInterface, type Interface } from "node:readline";
import { type Readable, Writable } from "node:stream";
import { escapeCharacter } from "../observability/log.ts";
import { CommandError } from "./errors.ts";

/** The connection of a command to a person, or to the program that runs it. */
export interface Terminal {
  /** Whether a person can answer questions. */
  isInteractive: boolean;
  /** Results: standard output. */
  print: (text: string) => void;
  /** Waits until the reader has taken the printed text from memory. @throws Error if the reader has closed the pipe */
  flush: () => Promise<void>;
  /** As `flush`, if anything was printed. @throws Error if printed text was lost, for example on a full disk */
  finish: () => Promise<void>;
  /** Questions and remarks: standard error. */
  remark: (text: string) => void;
  /** Replaces the last line on standard error; null if standard error is not a terminal. */
  redraw: ((line: string) => void) | null;
  ask: (question: string) => Promise<string>;
  /** As `ask`, without an echo. */
  askHidden: (question: string) => Promise<string>;
  /** All of standard input. */
  readInput: () => Promise<string>;
  /** Ends raw mode. */
  close: () => void;
}

/** The streams of this process, or a test's own. */
interface Streams {
  stdin: Readable & { isTTY?: boolean };
  stdout: Writable;
  stderr: Writable & { isTTY?: boolean };
}

export function createTerminal({ stdin, stdout, stderr }: Streams = process): Terminal {
  const prompt = createPrompt(stdin, stderr);
  let failure: Error | null = null;
  let isPrinted = false;
  const note = (error?: Error | null) => {
    failure ??= error ?? null;
  };
  // Without a listener, the error would end the process.
  stdout.on("error", note);
  const flush = () =>
    new Promise<void>((resolve, reject) => {
      if (failure !== null) reject(failure);
      else stdout.write("", (error) => (error ? reject(failure ?? error) : resolve()));
    });
  return {
    isInteractive: stdin.isTTY === true,
    print: (text) => {
      isPrinted = true;
      stdout.write(`${text}\n`, note);
    },
    flush,
    finish: async () => {
      if (!isPrinted) return;
      await flush();
      if (failure !== null) throw failure;
    },
    remark: (text) => stderr.write(`${text}\n`),
    redraw: stderr.isTTY ? (line) => stderr.write(`\r\x1b[K${line}`) : null,
    ask: (question) => prompt.ask(question, { isHidden: false }),
    askHidden: (question) => prompt.ask(question, { isHidden: true }),
    readInput: () => readInput(stdin),
    close: prompt.close,
  };
}

async function readInput(stdin: Readable): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stdin) chunks.push(chunk);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new CommandError("Standard input is not UTF-8.");
  }
}

/**
 * Asks one question after the other. The terminal is in raw mode from the first question to `close`: text that is typed
 * or pasted ahead is not lost, and a password in it is not shown.
 */
function createPrompt(stdin: Readable, stderr: Writable) {
  const lines: string[] = [];
  let isHidden = true;
  let isOver = false;
  let wake = () => {};
  let reader: Interface | undefined;
  const output = new Writable({
    write: (chunk, _encoding, done) => {
      if (!isHidden) stderr.write(chunk);
      done();
    },
  });
  const open = () => {
    const opened = createInterface({ input: stdin, output, terminal: true, historySize: 0 });
    opened.on("line", (line) => {
      lines.push(line);
      isHidden = true; // The next line may answer a hidden question.
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
    stderr.write(question);
    isHidden = how.isHidden;
    while (lines.length === 0 && !isOver) await new Promise<void>((resolve) => (wake = resolve));
    const line = lines.shift();
    if (how.isHidden || line === undefined) stderr.write("\n");
    if (line === undefined) throw new CommandError("Cancelled. Nothing was changed.");
    return line;
  };
  return { ask, close: () => reader?.close() };
}

/** Rows under their headings, in columns that fit. */
export function formatTable(headings: string[], rows: string[][]): string {
  const widths = columnWidths(headings, rows);
  return [headings, ...rows].map((row) => formatRow(row, widths)).join("\n");
}

/** The width that each column of a table needs. */
export function columnWidths(headings: string[], rows: string[][]): number[] {
  const table = [headings, ...rows];
  return headings.map((_, column) => Math.max(...table.map((row) => printable(row[column] ?? "").length)));
}

/** A row of a table. A cell that is wider than its column moves the next cells. */
export function formatRow(row: string[], widths: number[]): string {
  const cells = row.map((cell, column) => printable(cell).padEnd(widths[column] ?? 0));
  return cells.join("  ").trimEnd();
}

/** JSON that is safe to print: control and format characters are escaped. Indent 0 gives one line. */
export function formatJson(value: unknown, indent = 2): string {
  return JSON.stringify(value, null, indent).replace(/[^\P{C}\n]/gu, escapeCharacter);
}

/** Text from outside, such as a User-Agent, must not steer the operator's terminal. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, "\ufffd");
}
