import type { Ask, Generator, Load, Outcome } from "./load.ts";
import { usageOf } from "./processes.ts";
import type { Server } from "./server.ts";

/** The figures of one server in one round. */
export interface Sample extends Outcome {
  /** The server's memory at the end of the round; null if the system does not report it. */
  memoryMiB: number | null;
  /** Cores that the server and the load generator used meanwhile. */
  serverCpu: number | null;
  generatorCpu: number;
}

/** A server's samples, one a round. */
export interface Row {
  name: string;
  title: string;
  samples: Sample[];
}

/** Shows the progress. */
export type Progress = (text: string) => void;

export interface Rounds extends Load {
  rounds: number;
}

/** The generator of a measurement, and the function that shows its progress. */
export interface Tools {
  generator: Generator;
  progress: Progress;
}

/** A row that is not measured yet. */
export interface Subject {
  name: string;
  title: string;
  take: () => Promise<Sample>;
}

/** A server under one kind of request. */
export function subjectOf(server: Server, ask: Ask, load: Load, generator: Generator): Subject {
  const { name, title } = server.contestant;
  return { name, title, take: () => sampleOf(server, ask, load, generator) };
}

/**
 * Measures each subject in turn, round after round (A B A B). So other work of the machine slows all of them alike. A
 * first run without measurement warms them up.
 */
export async function interleave(subjects: readonly Subject[], rounds: number, progress: Progress): Promise<Row[]> {
  const rows = subjects.map(({ name, title }): Row => ({ name, title, samples: [] }));
  for (let round = 0; round <= rounds; round++) {
    for (const [index, { title, take }] of subjects.entries()) {
      progress(`${round === 0 ? "warming up" : `round ${round} of ${rounds}`}: ${title}`);
      const sample = await take();
      if (round > 0) rows[index]?.samples.push(sample);
    }
  }
  return rows;
}

/** @throws Error if it has ended */
export async function sampleOf(server: Server, ask: Ask, load: Load, generator: Generator): Promise<Sample> {
  const before = usageOf(server.pid);
  const outcome = await generator.drive(ask, load);
  const after = usageOf(server.pid);
  const lastWords = server.lastWords();
  if (lastWords !== null) throw new Error(`${server.contestant.title} has ended: ${lastWords}`);
  return {
    ...outcome,
    memoryMiB: after?.memoryMiB ?? null,
    serverCpu: before === null || after === null ? null : (after.cpuSeconds - before.cpuSeconds) / load.seconds,
  };
}
