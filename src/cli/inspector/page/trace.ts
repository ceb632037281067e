/** Which records belong to one trace: equal ids, closed over `re` and `parent`. */
import type { Summary } from "../record.ts";
import { isHeartbeat, msOf, type Row, statusOf } from "./rows.ts";

/** One trace. */
export interface Trace {
  readonly id: string;
  readonly rows: readonly Row[];
  readonly start: number;
  /** Undefined while something in it is open. */
  readonly end: number | undefined;
  readonly failed: boolean;
}

/** An id this long says what it names by itself: a trace of CAP may be the correlation id of a request. */
const UNIQUE = 12;

/** Ids that join. A workflow joins only what names nothing finer: many tasks may share it. */
function keysOf({ ids = {}, seq, re }: Summary): string[] {
  const { workflow, token: _, ...finer } = ids;
  const keys = Object.entries(finer)
    .filter(([, id]) => typeof id === "string" && id !== "")
    .map(([name, id]) => (id!.length >= UNIQUE ? id! : `${name === "parent" ? "job" : name}:${id}`));
  if (re !== undefined) keys.push(`seq:${re}`);
  if (keys.length === 0 && workflow) keys.push(`workflow:${workflow}`);
  return [...keys, `seq:${seq}`];
}

/** The traces of these rows, newest first, without heartbeats; what stands alone is none. */
export function tracesOf(all: readonly Row[], limit: number): Trace[] {
  const rows = all.filter((row) => !isHeartbeat(row));
  const parents = new Map<string, string>();
  const root = (key: string): string => {
    let at = key;
    for (let up = parents.get(at); up !== undefined && up !== at; up = parents.get(at)) at = up;
    return at;
  };
  for (const { s } of rows) {
    const [first = "", ...others] = keysOf(s);
    for (const other of others) parents.set(root(other), root(first));
  }
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = root(`seq:${row.s.seq}`);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  const found = [...groups].filter(([, group]) => group.length > 1 || isSpan(group[0]!));
  return found
    .slice(-limit)
    .reverse()
    .map(([key, group]) => traceOf(key, group));
}

function traceOf(key: string, rows: readonly Row[]): Trace {
  const ends = rows.map(endOf);
  return {
    id: rows.find(({ s }) => s.ids?.trace)?.s.ids?.trace ?? key,
    rows,
    start: rows[0]!.s.mono,
    end: ends.includes(undefined) ? undefined : Math.max(...ends.map(Number)),
    failed: rows.some((row) => !["ok", "pending", undefined].includes(statusOf(row))),
  };
}

/** When the bar of a row ends; undefined while it is open. */
export function endOf(row: Row): number | undefined {
  if (statusOf(row) === "pending") return undefined;
  return isSpan(row) ? row.s.mono + (msOf(row) ?? 0) : row.s.mono;
}

/** A row that lasts: a request, a submitted or dispatched job, a lease. Others are moments. */
export const isSpan = ({ s, end, answer }: Row): boolean =>
  end !== undefined || answer !== undefined || s.status === "pending";

const GAP = 1_000;

/** Places of moments in a waterfall, 0 to 1: time in which nothing ran for over a second takes a fixed part. */
export function scaleOf(rows: readonly Row[], now: number): { at(mono: number): number; gaps: number[] } {
  const spans = rows.map((row) => [row.s.mono, endOf(row) ?? now] as const).sort((a, b) => a[0] - b[0]);
  const pieces: { from: number; to: number; width: number }[] = [];
  let [from, to] = spans[0] ?? [0, 1];
  for (const [start, end] of spans) {
    if (start - to > GAP) {
      pieces.push({ from, to, width: to - from }, { from: to, to: start, width: -1 });
      from = start;
      to = end;
    } else to = Math.max(to, end);
  }
  pieces.push({ from, to, width: to - from });
  const busy = pieces.reduce((sum, { width }) => sum + Math.max(0, width), 0) || 1;
  const whole = busy + pieces.filter(({ width }) => width < 0).length * busy * 0.06;
  const gaps: number[] = [];
  let left = 0;
  const placed = pieces.map((piece) => {
    const width = (piece.width < 0 ? busy * 0.06 : piece.width) / whole;
    if (piece.width < 0) gaps.push(left + width / 2);
    left += width;
    return { ...piece, left: left - width, share: width };
  });
  const at = (mono: number): number => {
    const piece = placed.find(({ to }) => mono <= to) ?? placed.at(-1)!;
    const length = piece.to - piece.from || 1;
    return piece.left + (Math.min(Math.max(mono - piece.from, 0), length) / length) * piece.share;
  };
  return { at, gaps };
}
