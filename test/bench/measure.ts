import type { Ask, Generator, Load, Outcome } from "./load.ts";
import { usageOf } from "./processes.ts";
import type { Server } from "./server.ts";

/** What one server did in one round. */
export interface Sample extends Outcome {
  /** At the end of the round, in use by the server; null where that cannot be told. */
  memoryMiB: number | null;
  /** Cores used meanwhile, by the server and by the load generator. */
  serverCpu: number | null;
  generatorCpu: number;
}

/** A server's samples, one a round. */
export interface Row {
  name: string;
  title: string;
  samples: Sample[];
}

/** Tells how far it is. */
export type Progress = (text: string) => void;

export interface Rounds extends Load {
  rounds: number;
}

/** The generator of a measurement, and whom to tell how far it is. */
export interface Tools {
  generator: Generator;
  progress: Progress;
}

/**
 * Asks each server in turn, round after round, A B A B, so that whatever else the machine does meets all alike. What they
 * do before they are warm is not counted.
 */
export async function interleave(
  servers: readonly Server[],
  askOf: (server: Server) => Ask,
  { rounds, ...load }: Rounds,
  { generator, progress }: Tools,
): Promise<Row[]> {
  const rows = servers.map(({ contestant: { name, title } }): Row => ({ name, title, samples: [] }));
  for (let round = 0; round <= rounds; round++) {
    for (const [index, server] of servers.entries()) {
      progress(`${round === 0 ? "warming up" : `round ${round} of ${rounds}`}: ${server.contestant.title}`);
      const sample = await sampleOf(server, askOf(server), load, generator);
      if (round > 0) rows[index]?.samples.push(sample);
    }
  }
  return rows;
}

/** @throws Error where it has ended */
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
