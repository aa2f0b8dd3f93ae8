import type { Row, Sample } from "./measure.ts";

// Pure functions from samples to text.

/** A row as its reader meets it. */
export interface Heading {
  /** For `--only`. */
  name: string;
  title: string;
  /** What is measured, in a sentence for a newcomer. */
  meaning: string;
}

export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** @throws Error if there are no values */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  const low = sorted[Math.floor((sorted.length - 1) / 2)];
  const high = sorted[Math.ceil((sorted.length - 1) / 2)];
  if (min === undefined || max === undefined || low === undefined || high === undefined) throw new Error("No values");
  return { median: (low + high) / 2, min, max };
}

/** Each value divided by the base's value of the same round: other work of the machine slowed both. */
export function ratiosTo(base: readonly number[], values: readonly number[]): number[] {
  return values.flatMap((value, round) => {
    const divisor = base[round];
    return divisor === undefined ? [] : [value / divisor];
  });
}

/** `12,345`, `123`, `12.3`, `1.23`, `0.012`: three digits, or all digits before the point. */
export function formatNumber(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** `1,234`: a whole number. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** The median, with minimum and maximum. */
export function formatSpread({ median, min, max }: Spread): string {
  return `${formatNumber(median)} (${formatNumber(min)} to ${formatNumber(max)})`;
}

export function markdownTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(headings), line(headings.map((_, at) => (at === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** The meaning of a comparison's columns. */
export const LEGEND =
  "MiB: memory of all processes of the server at the end of a round, each counted whole, without the database server. " +
  "Cores: used by the server, and by the load generator beside it. If the generator used a whole core, it was the limit.";

/** @param what the unit: "requests", "logins" */
export function comparison(what: string, rows: readonly Row[]): string {
  const [base] = rows;
  const headings = [
    "",
    `${what} a second`,
    `of ${base?.title ?? ""}`,
    "p50 ms",
    "p99 ms",
    "MiB",
    "cores",
    "generator's",
  ];
  return markdownTable(
    headings,
    rows.map((row) => [
      row.title,
      formatSpread(spreadOf(rates(row))),
      base === undefined || row === base ? "" : formatSpread(spreadOf(ratiosTo(rates(base), rates(row)))),
      medianOf(row, ({ p50Ms }) => p50Ms),
      medianOf(row, ({ p99Ms }) => p99Ms),
      medianOf(row, ({ memoryMiB }) => memoryMiB),
      medianOf(row, ({ serverCpu }) => serverCpu),
      medianOf(row, ({ generatorCpu }) => generatorCpu),
    ]),
  );
}

/** Two rows of the same rounds. */
export interface Pair {
  title: string;
  own: Row;
  base: Row;
  baseTitle: string;
  /** The figure that is divided by the base's. */
  figure: "perSecond" | "p99Ms";
}

export function pairTable(pairs: readonly Pair[]): string {
  return markdownTable(
    ["", "compared with", "times that", "p50 ms", "p99 ms"],
    pairs.map((pair) => [
      pair.title,
      pair.baseTitle,
      formatSpread(ratioOf(pair)),
      medianOf(pair.own, ({ p50Ms }) => p50Ms),
      medianOf(pair.own, ({ p99Ms }) => p99Ms),
    ]),
  );
}

export function ratioOf({ own, base, figure }: Pair): Spread {
  const figures = ({ samples }: Row) => samples.map((sample) => sample[figure]);
  return spreadOf(ratiosTo(figures(base), figures(own)));
}

/** A sentence for each server with failed requests: an error status, or no answer. */
export function failures(rows: readonly Row[]): string[] {
  return rows.flatMap(({ title, samples }) => {
    const failed = samples.reduce((sum, sample) => sum + sample.failures, 0);
    const requests = samples.reduce((sum, sample) => sum + sample.requests, 0);
    return failed === 0 ? [] : [`Of ${title}: ${formatCount(failed)} of ${formatCount(requests)} requests failed.`];
  });
}

function rates({ samples }: Row): number[] {
  return samples.map(({ perSecond }) => perSecond);
}

function medianOf({ samples }: Row, pick: (sample: Sample) => number | null): string {
  const values = samples.map(pick).filter((value) => value !== null);
  return values.length === 0 ? "" : formatNumber(spreadOf(values).median);
}
