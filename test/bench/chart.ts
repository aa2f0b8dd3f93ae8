import { formatNumber, type Spread } from "./report.ts";

export interface Bar extends Spread {
  label: string;
  /** Whether it is a row of Postern. */
  isOurs: boolean;
}

const WIDTH = 760;
/** A little more than a character's usual width. */
const CHARACTER = 7;
const NUMBERS = 70;
const LINE = 26;
const TOP = 38;
const GAP = 8;

/**
 * A chart of horizontal bars. A whisker spans minimum and maximum. The colours suit light and dark.
 *
 * @param mark a value with a line across the bars; null for none
 */
export function barChart(title: string, bars: readonly Bar[], mark: number | null = null): string {
  const most = Math.max(mark ?? 0, ...bars.map(({ max }) => max));
  const labels = GAP + CHARACTER * Math.max(...bars.map(({ label }) => label.length));
  const scale = (value: number) => ((WIDTH - labels - NUMBERS) * value) / most;
  const height = TOP + bars.length * LINE + GAP;
  const at = labels + scale(mark ?? 0);
  const line = `<line class="mark" x1="${at.toFixed(1)}" x2="${at.toFixed(1)}" y1="${TOP - GAP}" y2="${height - GAP}"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escapeXml(title)}">
<style>
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 }
.bar { fill: #8c959f }
.ours { fill: #0969da }
.range, .mark { stroke: #24292f }
.mark { stroke-dasharray: 2 3 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .range, .mark { stroke: #e6edf3 } .ours { fill: #4493f8 } }
</style>
<text class="title" x="0" y="18">${escapeXml(title)}</text>
${bars.map((bar, index) => drawBar(bar, { x: labels, y: TOP + index * LINE }, scale)).join("\n")}${mark === null ? "" : line}
</svg>
`;
}

/** @param start the left upper corner of the bar */
function drawBar(
  { label, isOurs, median, min, max }: Bar,
  { x: left, y }: { x: number; y: number },
  scale: (value: number) => number,
): string {
  const x = (value: number) => (left + scale(value)).toFixed(1);
  const middle = y + 9;
  return [
    `<text x="${left - GAP}" y="${y + 13}" text-anchor="end">${escapeXml(label)}</text>`,
    `<rect class="bar${isOurs ? " ours" : ""}" x="${left}" y="${y}" width="${scale(median).toFixed(1)}" height="18"/>`,
    `<line class="range" x1="${x(min)}" x2="${x(max)}" y1="${middle}" y2="${middle}"/>`,
    `<text x="${(left + scale(max) + 6).toFixed(1)}" y="${y + 13}">${formatNumber(median)}</text>`,
  ].join("");
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
