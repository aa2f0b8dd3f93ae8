import { formatNumber, type Spread } from "./report.ts";

export interface Bar extends Spread {
  label: string;
  /** Whether it is a row of Postern. */
  isOurs: boolean;
}

const WIDTH = 760;
const LABELS = 290;
const NUMBERS = 70;
const LINE = 26;
const TOP = 38;

/** A chart of horizontal bars. A whisker spans minimum and maximum. The colours suit light and dark. */
export function barChart(title: string, bars: readonly Bar[]): string {
  const most = Math.max(...bars.map(({ max }) => max));
  const scale = (value: number) => ((WIDTH - LABELS - NUMBERS) * value) / most;
  const height = TOP + bars.length * LINE + 8;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escapeXml(title)}">
<style>
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 }
.bar { fill: #8c959f }
.ours { fill: #0969da }
.range { stroke: #24292f }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .range { stroke: #e6edf3 } .ours { fill: #4493f8 } }
</style>
<text class="title" x="0" y="18">${escapeXml(title)}</text>
${bars.map((bar, index) => drawBar(bar, TOP + index * LINE, scale)).join("\n")}
</svg>
`;
}

function drawBar({ label, isOurs, median, min, max }: Bar, y: number, scale: (value: number) => number): string {
  const x = (value: number) => (LABELS + scale(value)).toFixed(1);
  const middle = y + 9;
  return [
    `<text x="${LABELS - 8}" y="${y + 13}" text-anchor="end">${escapeXml(label)}</text>`,
    `<rect class="bar${isOurs ? " ours" : ""}" x="${LABELS}" y="${y}" width="${scale(median).toFixed(1)}" height="18"/>`,
    `<line class="range" x1="${x(min)}" x2="${x(max)}" y1="${middle}" y2="${middle}"/>`,
    `<text x="${(LABELS + scale(max) + 6).toFixed(1)}" y="${y + 13}">${formatNumber(median)}</text>`,
  ].join("");
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
