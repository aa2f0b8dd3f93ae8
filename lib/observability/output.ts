import type { LogWriter } from "./log.ts";

export interface Output {
  write: LogWriter;
  /** The number of lines that were dropped. */
  dropped: () => number;
  isTerminal: boolean;
}

/** The part of `process.stdout` that is used. */
export interface OutputStream {
  write: (text: string, done: (error?: Error | null) => void) => unknown;
  isTTY?: boolean;
  on: (event: "error", listener: () => void) => unknown;
}

/** The limit for buffered lines if the reader stalls. Warnings and errors may fill twice as much. */
const MAX_HELD_CHARACTERS = 4 * 1024 * 1024;

/** One write takes longer than one answer, so the lines of 10 ms are written together. */
const PAUSE_MS = 10;

/**
 * Writes lines in batches from a bounded buffer. If the reader disconnects or the disk is full, lines are dropped, and
 * no error reaches the server. Warnings and errors do not wait for the next batch.
 *
 * @param maxHeld in characters of JavaScript, 1 or 2 bytes each
 * @param pauseMs between two batches; 0 for none
 */
export function createOutput(stream: OutputStream, maxHeld = MAX_HELD_CHARACTERS, pauseMs = PAUSE_MS): Output {
  let waiting: string[] = [];
  let held = 0;
  let dropped = 0;
  let isWriting = false;
  let pause: ReturnType<typeof setTimeout> | null = null;
  const writeNext = () => {
    if (pause !== null) clearTimeout(pause);
    pause = null;
    const batch = waiting;
    if (batch.length === 0) return;
    waiting = [];
    isWriting = true;
    const text = batch.join("");
    stream.write(text, (error) => {
      held -= text.length;
      isWriting = false;
      if (error) dropped += batch.length;
      if (pauseMs === 0) writeNext();
      else pause = setTimeout(writeNext, pauseMs);
    });
  };
  // Without a listener, this event would end the process. The callback of `write` receives the error too.
  stream.on("error", () => {});
  return {
    write: (line, level) => {
      if (held + line.length > (level === "info" ? maxHeld : 2 * maxHeld)) {
        dropped++;
        return;
      }
      held += line.length;
      waiting.push(line);
      if (!isWriting && (pause === null || level !== "info")) writeNext();
    },
    dropped: () => dropped,
    isTerminal: stream.isTTY === true,
  };
}
