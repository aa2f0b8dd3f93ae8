import type { LogWriter } from "./log.ts";

/** Where log lines go. */
export interface Output {
  write: LogWriter;
  /** How many lines were given up. */
  dropped: () => number;
  /** Whether a person reads it. */
  isTerminal: boolean;
}

/** What is needed of `process.stdout`. */
export interface OutputStream {
  write: (text: string, done: (error?: Error | null) => void) => unknown;
  isTTY?: boolean;
  on: (event: "error", listener: () => void) => unknown;
}

/** So much may wait for a reader that has stalled; beyond it, only what is worse than information may, up to twice that. */
const MAX_HELD_CHARACTERS = 4 * 1024 * 1024;

/** Writing takes longer than answering: what is logged within so long of the last write is written together. */
const PAUSE_MS = 10;

/**
 * Writes lines one batch after the other, never holding more than a bounded number of those that the reader has not
 * taken. A reader that has gone away, or a disk that is full, costs lines and nothing else. What is worse than
 * information is never kept waiting but by a write that is under way.
 *
 * @param maxHeld in characters, of which JavaScript keeps one in one byte or two
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
  // Told to the callback too, but without anybody who listens it would end the process.
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
