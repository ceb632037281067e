/** Measures several things in turns, so that what else the machine does hits all of them alike. */

/** A thing to measure: does its work `times` times. */
export interface Case {
  readonly name: string;
  run(times: number): void | Promise<void>;
  /** Name of the case this one is compared with. */
  readonly against?: string;
}

/** What was found. */
export interface Measured {
  readonly name: string;
  /** Median of the rounds. */
  readonly perSecond: number;
  /** Median of the rounds' ratios: this case's speed by that of the one it is compared with; 1 where there is none. */
  readonly ratio: number;
  readonly against: string | undefined;
  /** Lowest and highest ratio of a round. */
  readonly spread: readonly [lowest: number, highest: number];
}

/** Rounds of every benchmark: `pnpm bench --rounds`. */
export const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);

/** How long to measure. */
export interface MeasureOptions {
  /** Length of one round of one case. Default: 400. */
  readonly windowMs?: number;
}

/** Runs every case once per round and takes the median of its rounds. */
export async function measure(cases: readonly Case[], options: MeasureOptions = {}): Promise<Measured[]> {
  const { windowMs = 400 } = options;
  const speeds = new Map<string, number[]>(cases.map(({ name }) => [name, []]));
  for (let round = -1; round < ROUNDS; round++) {
    for (const { name, run } of cases) {
      const speed = await speedOf(run, windowMs);
      if (round >= 0) speeds.get(name)!.push(speed); // the first round only warms up
    }
  }
  return cases.map(({ name, against }) =>
    compared(name, speeds.get(name)!, against, against === undefined ? undefined : speeds.get(against)!),
  );
}

/** A row of the rounds of one case, and of the case it is compared with: round by round, as both ran in turn. */
export function compared(
  name: string,
  speeds: readonly number[],
  against?: string,
  others: readonly number[] = speeds,
): Measured {
  const ratios = speeds.map((speed, round) => speed / others[round]!);
  const spread = [Math.min(...ratios), Math.max(...ratios)] as const;
  return { name, perSecond: median(speeds), ratio: median(ratios), against, spread };
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1]!;

async function speedOf(run: Case["run"], windowMs: number): Promise<number> {
  let times = 1;
  let done = 0;
  const started = performance.now();
  let elapsed = 0;
  while (elapsed < windowMs) {
    await run(times);
    done += times;
    elapsed = performance.now() - started;
    if (elapsed < windowMs / 8) times *= 2; // few looks at the clock
  }
  return (done / elapsed) * 1000;
}

/** The table a person reads. */
export function formatMeasured(title: string, rows: readonly Measured[]): string {
  const width = Math.max(...rows.map(({ name }) => name.length));
  return [
    title,
    ...rows.map(({ name, perSecond, ratio, against }) => {
      const digits = { maximumFractionDigits: perSecond < 10 ? 2 : 0 };
      const speed = perSecond.toLocaleString("en", digits).padStart(12);
      const compared = against === undefined ? "" : `  ${ratio.toFixed(2)}x ${against}`;
      return `  ${name.padEnd(width)} ${speed}/s${compared}`;
    }),
  ].join("\n");
}

/** Does the work so many times, `lanes` of it at once. */
export function inLanes(lanes: number, work: () => Promise<unknown>): Case["run"] {
  return async (times) => {
    let left = times;
    const lane = async (): Promise<void> => {
      while (left-- > 0) await work();
    };
    await Promise.all(Array.from({ length: Math.min(lanes, times) }, lane));
  };
}
