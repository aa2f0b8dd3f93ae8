import { createInterface } from "node:readline";
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
  ask: (question: string) => Promise<string>;
  /** As `ask`, without showing what is typed. */
  askHidden: (question: string) => Promise<string>;
  /** All of standard input. */
  readInput: () => Promise<string>;
}

export const terminal: Terminal = {
  isInteractive: process.stdin.isTTY === true,
  print: (text) => process.stdout.write(`${text}\n`),
  remark: (text) => process.stderr.write(`${text}\n`),
  ask: (question) => prompt(question, false),
  askHidden: (question) => prompt(question, true),
  readInput: async () => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
    } catch {
      throw new CommandError("Standard input is not UTF-8.");
    }
  },
};

function prompt(question: string, isHidden: boolean): Promise<string> {
  // The terminal is in raw mode while readline reads: what it does not echo, nobody does.
  const output = new Writable({
    write: (chunk, _encoding, done) => {
      if (!isHidden) process.stderr.write(chunk);
      done();
    },
  });
  process.stderr.write(question);
  const reader = createInterface({ input: process.stdin, output, terminal: true });
  return new Promise((resolve, reject) => {
    reader.once("line", (line) => {
      resolve(line);
      reader.close();
    });
    // Ctrl-C, and Ctrl-D or the end of the input.
    reader.once("SIGINT", () => reader.close());
    reader.once("close", () => {
      if (isHidden) process.stderr.write("\n");
      reject(new CommandError("Cancelled: nothing was changed."));
    });
  });
}

/** Rows under their headings, in columns as wide as they need to be. */
export function formatTable(headings: string[], rows: string[][]): string {
  const table = [headings, ...rows].map((row) => row.map(printable));
  const widths = headings.map((_, column) => Math.max(...table.map((row) => (row[column] ?? "").length)));
  const lines = table.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
  return lines.map((line) => line.trimEnd()).join("\n");
}

/** Text from outside, such as a User-Agent, must not steer the operator's terminal. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, "\ufffd");
}
