import type { Rounds, Tools } from "../measure.ts";
import type { Heading } from "../report.ts";
import type { Stage } from "../stage.ts";

/** The options of the command line. */
export interface Plan extends Rounds {
  /** The number of clients that log in at once. The others request profiles. */
  logins: number;
}

export interface Bench extends Tools {
  stage: Stage;
  plan: Plan;
  /** The names of the chosen rows, or the mode's usual ones. */
  names: readonly string[];
}

export interface Mode {
  about: string;
  /** The rows that `--only` can choose. */
  rows: readonly Heading[];
  /** The rows without `--only`; null for all. */
  usual: readonly string[] | null;
  /** @returns the report as Markdown, and charts by the names of their files */
  run: (bench: Bench) => Promise<{ text: string; charts?: Record<string, string> }>;
}
