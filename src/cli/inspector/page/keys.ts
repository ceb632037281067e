/** Keys of the page; none works while something is typed. */
import type { Protocol } from "../record.ts";
import { curlOf } from "./copy.ts";
import { copy, resend } from "./detail.tsx";
import { store } from "./store.ts";
import { tracesOf } from "./trace.ts";

export const HELP: readonly (readonly [string, string])[] = [
  ["/", "filter"],
  ["j k ↓ ↑", "next, previous record"],
  ["Enter", "open the record"],
  ["Esc", "close it, or leave the filter"],
  ["[ ]", "previous, next record of the trace"],
  ["→ ←", "unfold, fold the progress of a job or lease"],
  ["t", "traces"],
  ["f", "failures only"],
  ["1 2 3 4", "protocols"],
  ["c", "columns"],
  ["p", "pause"],
  ["G", "follow the newest"],
  ["y Y", "copy as JSON, as curl"],
  ["r", "resend"],
  ["x", "clear"],
  ["?", "this help"],
];

const PROTOCOLS: readonly Protocol[] = ["cap", "neuron", "aureus", "4runr"];

function move(by: number): void {
  const { view, selected } = store;
  const at = view.findIndex(({ s }) => s.seq === selected);
  const next =
    view[at < 0 ? (by > 0 ? 0 : view.length - 1) : Math.min(Math.max(at + by, 0), view.length - 1)];
  if (next !== undefined) store.select(next.s.seq);
}

function moveInTrace(by: number): void {
  const { selected } = store;
  const trace = tracesOf(store.rows.all, 20_000).find(({ rows }) => rows.some(({ s }) => s.seq === selected));
  const at = trace?.rows.findIndex(({ s }) => s.seq === selected) ?? -1;
  const next = trace?.rows[at + by];
  if (next !== undefined) store.select(next.s.seq);
}

async function copySelected(as: "JSON" | "curl"): Promise<void> {
  if (store.selected === undefined) return;
  const record = await store.record(store.selected);
  await copy(as === "JSON" ? JSON.stringify(record, null, 2) : curlOf(record), as);
}

const ACTIONS: Readonly<Record<string, () => unknown>> = {
  "/": () => document.getElementById("filter")?.focus(),
  j: () => move(1),
  k: () => move(-1),
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  Enter: () => store.select(store.selected, true),
  Escape: () => {
    (document.activeElement as HTMLElement | null)?.blur(); // it may go with the record, and would keep the next Enter
    store.select(store.selected, false);
  },
  "[": () => moveInTrace(-1),
  "]": () => moveInTrace(1),
  ArrowRight: () => store.unfold(true),
  ArrowLeft: () => store.unfold(false),
  t: () => store.set({ tab: store.tab === "traces" ? "timeline" : "traces" }),
  f: () => store.filter({ failuresOnly: !store.failuresOnly }),
  c: () => {
    const columns = document.getElementById("columns");
    columns?.focus();
    columns?.click();
  },
  p: () => store.pause(!store.paused),
  G: () => store.set({ follow: true }),
  y: () => copySelected("JSON"),
  Y: () => copySelected("curl"),
  r: () => store.selected !== undefined && store.state?.canAct && resend(store.selected),
  x: () => store.clear(),
  "?": () => document.getElementById("help")?.click(),
};

export function onKey(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("dialog") !== null) return;
  if (target.matches("input:not([type=checkbox]), textarea, select")) {
    if (event.key === "Escape") target.blur();
    return;
  }
  // A focused control keeps its own keys.
  if (target.matches("button, input, summary") && ["Enter", " "].includes(event.key)) return;
  if (/^Arrow(Left|Right)$/.test(event.key) && target.closest(".detail") !== null) return;
  const protocol = PROTOCOLS[Number(event.key) - 1];
  const action = Object.hasOwn(ACTIONS, event.key) ? ACTIONS[event.key] : undefined;
  if (protocol !== undefined) {
    const next = new Set(store.protocols);
    if (!next.delete(protocol)) next.add(protocol);
    store.filter({ protocols: next });
  } else if (action === undefined) return;
  else action();
  event.preventDefault();
}
