/** Rows of the timeline: a bounded ring of summaries in which an answer fills in the row of its request. */
import type { Status, Summary } from "../record.ts";

/** One line of the timeline. */
export interface Row {
  s: Summary;
  /** `seq` of the response that filled it in. */
  answer?: number;
  /** How the job or lease that began here ended, which its own record cannot know. */
  end?: { status: Status; mono: number };
  /** Of a progress record: all of its job or lease, oldest first, and whether they are shown below the first. */
  group?: Group;
}

/** The progress records of one job or lease. */
export interface Group {
  readonly rows: Row[];
  open: boolean;
}

export const RING = 20_000;
const SLACK = 1_000;

/** The status a row shows. */
export const statusOf = ({ s, end }: Row): Status | undefined => end?.status ?? s.status;
/** The duration a row shows, in milliseconds. */
export const msOf = ({ s, end }: Row): number | undefined =>
  end === undefined ? (s.status === "pending" ? undefined : s.ms) : end.mono - s.mono;
export const isFailure = (row: Row): boolean => !["ok", "pending", undefined].includes(statusOf(row));
export const isHeartbeat = ({ s }: Row): boolean => s.kind === "heartbeat" || s.op === "heartbeat";
/** Whether the row stands for the progress records that follow it. */
export const isHead = (row: Row): boolean => row.group?.rows[0] === row && row.group.rows.length > 1;

const PROGRESS = new Set(["jobProgress", "progress"]);

/** Ends are notified by these kinds; everything else about a job or lease is on the way. */
const ENDS = new Set(["jobResult", "ack", "nack"]);

/** The rows, oldest first. */
export class Rows {
  all: Row[] = [];
  /** Records that are not here any more, or never came. */
  dropped = 0;
  received = 0;
  readonly #bySeq = new Map<number, Row>();
  readonly #open = new Map<string, Row[]>();
  readonly #groups = new Map<string, Group>();

  /** Takes records in order; calls `added` for each new row and `changed` for each that was filled in. */
  take(records: readonly Summary[], added: (row: Row) => void, changed: (row: Row) => void): void {
    for (const record of records) {
      if (record.type === "gap") {
        this.dropped += record.dropped ?? 0;
        continue;
      }
      this.received++;
      this.#end(record, changed);
      const asked =
        record.type === "response" && record.re !== undefined ? this.#bySeq.get(record.re) : undefined;
      if (asked !== undefined) {
        const { seq, at, mono, target, text, from, to, op, name = asked.s.name } = asked.s;
        const ids = { ...record.ids, ...asked.s.ids };
        const own = { seq, at, mono, target, from, to, op, ids, name, ...(text !== undefined && { text }) };
        asked.s = { ...record, ...own, type: "request" };
        asked.answer = record.seq;
        changed(asked);
        continue;
      }
      const row: Row = { s: record };
      this.all.push(row);
      this.#bySeq.set(record.seq, row);
      const key = keyOf(record);
      if (key && PROGRESS.has(record.kind ?? "")) this.#group(key, row);
      added(row);
      if (key && record.status === "pending") this.#open.set(key, [...(this.#open.get(key) ?? []), row]);
    }
  }

  /** Drops the oldest rows beyond the ring; true when it did. */
  trim(): boolean {
    const extra = this.all.length - RING;
    if (extra < SLACK) return false;
    for (const { s, group } of this.all.splice(0, extra)) {
      this.#bySeq.delete(s.seq);
      group?.rows.shift();
      if (group?.rows.length === 0) this.#groups.delete(keyOf(s)!);
    }
    this.dropped += extra;
    return true;
  }

  clear(): void {
    this.all = [];
    this.#bySeq.clear();
    this.#open.clear();
    this.#groups.clear();
  }

  get(seq: number): Row | undefined {
    return this.#bySeq.get(seq);
  }

  #group(key: string, row: Row): void {
    const group = this.#groups.get(key) ?? { rows: [], open: false };
    this.#groups.set(key, group);
    group.rows.push(row);
    row.group = group;
  }

  #end(record: Summary, changed: (row: Row) => void): void {
    if (!ENDS.has(record.kind ?? "") && record.op !== "sys.job.dlq") return;
    const key = keyOf(record);
    if (key === undefined || record.type === "response") return;
    for (const row of this.#open.get(key) ?? []) {
      row.end = { status: record.kind === "ack" ? "ok" : (record.status ?? "ok"), mono: record.mono };
      changed(row);
    }
    this.#open.delete(key);
  }
}

const keyOf = ({ ids, protocol }: Summary): string | undefined =>
  protocol === "cap"
    ? ids?.job && `job:${ids.job}`
    : protocol === "neuron"
      ? ids?.lease && `lease:${ids.lease}`
      : undefined;
