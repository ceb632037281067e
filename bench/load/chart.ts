/** A line chart as SVG. */

export type Point = readonly [x: number, y: number];

/** Points with a name, in the order of x. */
export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
}

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [640, 260, 64, 40, 34];
const COLORS = ["#2563eb", "#dc2626", "#059669", "#9333ea"];

/** Draws series over the same axes, both from 0. */
export function lineChart(title: string, xName: string, yName: string, series: readonly Series[]): string {
  const all = series.flatMap(({ points }) => points);
  const [maxX, maxY] = [0, 1].map((axis) => Math.max(...all.map((point) => point[axis]!)) * 1.05);
  const x = (value: number) => LEFT + (value / maxX!) * (WIDTH - LEFT - 16);
  const y = (value: number) => HEIGHT - BOTTOM - (value / maxY!) * (HEIGHT - BOTTOM - TOP);
  const short = (value: number) =>
    value.toLocaleString("en", { maximumSignificantDigits: 3, notation: "compact" });
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => [part * maxX!, part * maxY!] as const);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11">`,
    `<title>${title}</title><rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="${LEFT}" y="18" font-size="13">${title}</text>`,
    ...ticks.map(
      ([tx, ty]) =>
        `<line x1="${LEFT}" x2="${WIDTH - 16}" y1="${y(ty)}" y2="${y(ty)}" stroke="#ddd"/>` +
        `<text x="${LEFT - 6}" y="${y(ty) + 4}" text-anchor="end">${short(ty)}</text>` +
        `<text x="${x(tx)}" y="${HEIGHT - BOTTOM + 14}" text-anchor="middle">${short(tx)}</text>`,
    ),
    `<text x="${WIDTH - 16}" y="${HEIGHT - 8}" text-anchor="end">${xName}</text>`,
    `<text x="4" y="${TOP - 2}">${yName}</text>`,
    ...series.map(({ name, points }, index) => {
      const path = points.map(([px, py]) => `${x(px).toFixed(1)},${y(py).toFixed(1)}`).join(" ");
      const color = COLORS[index % COLORS.length];
      return (
        `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>` +
        `<text x="${WIDTH - 20 - 90 * (series.length - index - 1)}" y="18" fill="${color}" text-anchor="end">${name}</text>`
      );
    }),
    "</svg>\n",
  ].join("\n");
}
