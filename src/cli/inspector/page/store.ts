/** What the page knows: rows, the filtered view, and what is selected. One render for each animation frame at most. */
import { useEffect, useState } from "preact/hooks";
import { type CaptureRecord, type Protocol, parseCapture, summaryOf } from "../record.ts";
import { Tracker } from "../tracker.ts";
import { get, getText, type Link, readEvents } from "./api.ts";
import { parseFilter, type Test } from "./filter.ts";
import { isFailure, isHead, isHeartbeat, RING, type Row, Rows } from "./rows.ts";
import type { PageState } from "./state.tsx";

export type Tab = "timeline" | "traces" | "state" | "send";

const RESCAN_MS = 250;
const HIDDEN_COLUMNS = "agentwire-hidden-columns";

export class Store {
  readonly rows = new Rows();
  view: Row[] = [];
  tab: Tab = "timeline";
  query = "";
  protocols = new Set<Protocol>(["cap", "neuron", "aureus", "4runr"]);
  failuresOnly = false;
  foldHeartbeats = true;
  heartbeats = 0;
  paused = false;
  follow = true;
  selected: number | undefined;
  detailOpen = false;
  link: Link = "connecting";
  why = "";
  file: string | undefined;
  state: PageState | undefined;
  /** Columns of the timeline that are hidden; this browser keeps them. */
  hidden: ReadonlySet<string> = new Set(localStorage.getItem(HIDDEN_COLUMNS)?.split(" "));
  /** What was said last, for a person who does not see the page. */
  notice = "";
  #test: Test = () => true;
  #held: Parameters<Rows["take"]>[0][number][] = [];
  #records = new Map<number, CaptureRecord>();
  #stale = false;
  #scannedAt = 0;
  #startedAt = "";
  #ahead = 0;
  #stream = new AbortController();
  #frame = 0;
  readonly #listeners = new Set<() => void>();

  /** Milliseconds of the server's monotonic clock. */
  now(): number {
    return performance.now() + this.#ahead;
  }

  start(): void {
    this.#stream = new AbortController();
    void readEvents(
      {
        hello: ({ startedAt, mono, resumed }) => {
          this.#ahead = mono - performance.now();
          if (startedAt !== this.#startedAt || !resumed) this.#reset();
          this.#startedAt = startedAt;
        },
        records: (batch) => this.#take(batch),
        link: (link, why = "") => this.set({ link, why }),
      },
      this.#stream.signal,
    );
    void this.refresh();
  }

  async refresh(): Promise<void> {
    if (this.file !== undefined) return;
    await get<PageState>("/api/state").then(
      (state) => this.set({ state }),
      () => {},
    );
  }

  /** Changes members and renders. */
  set(change: Partial<Store>): void {
    Object.assign(this, change);
    this.#render();
  }

  filter(change: Partial<Pick<Store, "query" | "protocols" | "failuresOnly" | "foldHeartbeats">>): void {
    Object.assign(this, change);
    this.#test = parseFilter(this.query);
    this.#scan();
    this.#render();
  }

  pause(paused: boolean): void {
    this.paused = paused;
    if (!paused) this.#take(this.#held.splice(0));
    this.#render();
  }

  get held(): number {
    return this.#held.length;
  }

  clear(): void {
    this.rows.clear();
    this.set({ view: [], heartbeats: 0, selected: undefined, detailOpen: false });
  }

  select(seq: number | undefined, open = this.detailOpen): void {
    this.set({ selected: seq, detailOpen: open && seq !== undefined, follow: false });
  }

  toggleColumn(id: string): void {
    const hidden = new Set(this.hidden);
    if (!hidden.delete(id)) hidden.add(id);
    localStorage.setItem(HIDDEN_COLUMNS, [...hidden].join(" "));
    this.set({ hidden });
  }

  /** Shows or hides the progress records that the selected row stands for. */
  unfold(open: boolean, { group } = this.rows.get(this.selected ?? -1) ?? {}): void {
    const head = group?.rows[0];
    if (head === undefined) return;
    group!.open = open;
    this.#scan();
    this.set({ selected: head.s.seq, follow: false });
  }

  /** The whole record: from the server, or from the file that is open. */
  async record(seq: number): Promise<CaptureRecord> {
    return this.#records.get(seq) ?? get<CaptureRecord>(`/api/records/${seq}`);
  }

  /** Opens a capture in place of the live records. @throws SyntaxError */
  open(name: string, text: string): void {
    const records = parseCapture(text);
    this.#stream.abort();
    this.#reset();
    this.set({ file: name, link: "live", paused: false, follow: false });
    const tracker = new Tracker();
    for (const record of records) {
      this.#records.set(record.seq, record);
      tracker.take(record);
    }
    this.#ahead = (records.at(-1)?.mono ?? 0) - performance.now();
    this.#take(records.map(summaryOf));
    const now = records.at(-1)?.mono ?? 0;
    this.set({
      state: {
        ...tracker.state(),
        mode: "file",
        now,
        canAct: false,
        targets: [],
        approvals: [],
        env: {},
        parts: {},
      },
    });
  }

  closeFile(): void {
    this.#records.clear();
    this.#reset();
    this.set({ file: undefined, follow: true });
    this.start();
  }

  /** What the filter shows, as a capture. */
  async capture(): Promise<string> {
    const rows = this.view.flatMap((row) =>
      isHead(row) ? row.group!.rows.filter((one) => this.#matches(one)) : [row],
    );
    const shown = new Set(
      rows.flatMap(({ s, answer }) => (answer === undefined ? [s.seq] : [s.seq, answer])),
    );
    if (this.file !== undefined) {
      const records = [...this.#records.values()].filter(({ seq }) => shown.has(seq));
      return records.map((record) => `${JSON.stringify(record)}\n`).join("");
    }
    const [header = "", ...lines] = (await getText("/events.ndjson")).split("\n");
    const seqOf = (line: string): number => Number(/^\{"seq":(\d+)/.exec(line)?.[1]);
    return [header, ...lines.filter((line) => shown.has(seqOf(line))), ""].join("\n");
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #reset(): void {
    this.rows.clear();
    this.rows.dropped = 0;
    this.rows.received = 0;
    this.#held = [];
    this.#records.clear();
    this.set({ view: [], heartbeats: 0, selected: undefined, detailOpen: false });
  }

  #take(batch: Parameters<Rows["take"]>[0]): void {
    if (this.paused) {
      this.#held.push(...batch);
      const extra = this.#held.length - RING;
      if (extra > 0) this.rows.dropped += this.#held.splice(0, extra).length;
      return this.#render();
    }
    this.rows.take(
      batch,
      (row) => this.#passes(row) && this.view.push(row),
      (row) => {
        // It may pass now, or no longer.
        const isFiltered = this.failuresOnly || this.query !== "";
        this.#stale ||= isFiltered || (row.group !== undefined && isFailure(row));
      },
    );
    if (this.rows.trim()) this.#scan();
    this.#render();
  }

  #matches(row: Row): boolean {
    if (row.s.protocol !== undefined && !this.protocols.has(row.s.protocol)) return false;
    return (!this.failuresOnly || isFailure(row)) && this.#test(row);
  }

  #passes(row: Row): boolean {
    if (!this.#matches(row)) return false;
    const head = row.group?.open === false && !isFailure(row) ? row.group.rows[0]! : row;
    if (head !== row && this.#matches(head)) return false;
    if (!isHeartbeat(row) || this.failuresOnly) return true;
    this.heartbeats++;
    return !this.foldHeartbeats;
  }

  #scan(): void {
    this.heartbeats = 0;
    this.view = this.rows.all.filter((row) => this.#passes(row));
    this.#stale = false;
    this.#scannedAt = performance.now();
  }

  #render(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.#stale) {
        if (performance.now() - this.#scannedAt > RESCAN_MS) this.#scan();
        else setTimeout(() => this.#render(), RESCAN_MS);
      }
      for (const listener of this.#listeners) listener();
    });
  }
}

export const store = new Store();

/** Renders the component again when the store changes. */
export function useStore(): Store {
  const [, count] = useState(0);
  useEffect(() => store.onChange(() => count((n) => n + 1)), []);
  return store;
}

/** Renders the component again so often, for running clocks. */
export function useTick(everyMs: number): void {
  const [, count] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => count((n) => n + 1), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
}
