import type { Contestant } from "../contestants.ts";
import type { Rounds, Tools } from "../measure.ts";
import type { Stage } from "../stage.ts";

/** The options of the command line. */
export interface Plan extends Rounds {
  /** The number of clients that log in at once. The others request profiles. */
  logins: number;
  /** For growth: the large numbers. */
  sessions: number;
  users: number;
  expired: number;
}

export interface Bench extends Tools {
  stage: Stage;
  plan: Plan;
  /** The chosen contestants, or the mode's own. */
  contestants: readonly Contestant[];
}

export interface Mode {
  about: string;
  /** The contestants without `--only`; null for all. */
  contestants: readonly string[] | null;
  /** @returns the report as Markdown, and charts by the names of their files */
  run: (bench: Bench) => Promise<{ text: string; charts?: Record<string, string> }>;
}
