import type { Contestant } from "../contestants.ts";
import type { Rounds, Tools } from "../measure.ts";
import type { Stage } from "../stage.ts";

/** What was asked for at the command line. */
export interface Plan extends Rounds {
  /** How many log in at once; the others ask for profiles. */
  logins: number;
  /** For growth: how many there are of each. */
  sessions: number;
  users: number;
  expired: number;
}

export interface Bench extends Tools {
  stage: Stage;
  plan: Plan;
  /** Those that were chosen, or the mode's own. */
  contestants: readonly Contestant[];
}

export interface Mode {
  about: string;
  /** Who takes part unless `--only` says otherwise; null for all. */
  contestants: readonly string[] | null;
  /** @returns what to print, as Markdown; and charts, each by the name of its file */
  run: (bench: Bench) => Promise<{ text: string; charts?: Record<string, string> }>;
}
