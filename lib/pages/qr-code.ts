import { type Html, html } from "../http/html.ts";

/** ISO/IEC 18004 §6.3.8: four modules of quiet zone on every side. */
const QUIET_MODULES = 4;

/**
 * A QR code, dark on white in every colour scheme: many apps do not read it the other way.
 *
 * @param rows true for a dark module, without the quiet zone
 */
export function qrCode(rows: readonly (readonly boolean[])[], label: string): Html {
  const size = rows.length + 2 * QUIET_MODULES;
  const path = rows.map((row, y) => runsOf(row).map(([x, length]) => `M${x} ${y}h${length}v1h-${length}z`));
  return html`<svg class="qr" role="img" aria-label="${label}" viewBox="${-QUIET_MODULES} ${-QUIET_MODULES} ${size} ${size}" width="${size * 5}" height="${size * 5}" shape-rendering="crispEdges">
<rect x="${-QUIET_MODULES}" y="${-QUIET_MODULES}" width="${size}" height="${size}" fill="#ffffff"/>
<path d="${path.flat().join("")}" fill="#000000"/></svg>`;
}

/** The runs of dark modules in a row. */
function runsOf(row: readonly boolean[]): [x: number, length: number][] {
  const runs: [number, number][] = [];
  row.forEach((isDark, x) => {
    const last = runs.at(-1);
    if (!isDark) return;
    if (last !== undefined && last[0] + last[1] === x) last[1]++;
    else runs.push([x, 1]);
  });
  return runs;
}
