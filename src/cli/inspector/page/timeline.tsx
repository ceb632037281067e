/** The timeline: a list of which only the visible rows exist, each 24 pixels high. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { msOf, type Row, statusOf } from "./rows.ts";
import { store, useStore, useTick } from "./store.ts";
import { clock, duration, operationOf, ProtocolMark, StatusMark, short, size, visible } from "./text.tsx";
import { Welcome } from "./welcome.tsx";

const HEIGHT = 24;
const HEAD = 28;
/** Elements are reused for other rows; more than are ever visible. */
const SLOTS = 400;
const COLUMNS = [
  "time",
  "protocol",
  "from → to",
  "operation",
  "name",
  "status",
  "ms",
  "bytes",
  "begins with",
];

export function Timeline() {
  const { view, selected, follow, rows } = useStore();
  const list = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setHeight(entry!.contentRect.height));
    observer.observe(list.current!);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    if (follow && list.current !== null) list.current.scrollTop = view.length * HEIGHT + HEAD;
  });
  // The selected row stays in sight when the keyboard moves it.
  useLayoutEffect(() => {
    const at = selected === undefined || follow ? -1 : view.findIndex(({ s }) => s.seq === selected);
    const box = list.current!;
    const lowest = (at + 1) * HEIGHT + HEAD - box.clientHeight;
    if (at >= 0 && at * HEIGHT < box.scrollTop) box.scrollTop = at * HEIGHT;
    else if (at >= 0 && lowest > box.scrollTop) box.scrollTop = lowest;
  }, [selected]);
  const from = follow ? Math.max(0, view.length * HEIGHT + HEAD - height) : top;
  const first = Math.max(0, Math.floor(from / HEIGHT) - 5);
  const shown = view.slice(first, first + Math.ceil(height / HEIGHT) + 10);
  const onScroll = (event: Event): void => {
    const box = event.currentTarget as HTMLDivElement;
    const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - HEIGHT;
    if (store.follow && !atEnd && box.scrollTop < top) store.set({ follow: false });
    setTop(box.scrollTop);
  };
  return (
    <div class="timeline">
      <div
        class="grid"
        role="grid"
        aria-label="Timeline"
        aria-rowcount={view.length + 1}
        aria-colcount={COLUMNS.length}
        aria-activedescendant={shown.some(({ s }) => s.seq === selected) ? `row-${selected}` : undefined}
        tabIndex={0}
        id="timeline"
        ref={list}
        onScroll={onScroll}
      >
        <div class="row head" role="row" aria-rowindex={1}>
          {COLUMNS.map((name) => (
            <span role="columnheader" key={name}>
              {name}
            </span>
          ))}
        </div>
        {shown.length > 0 && (
          <div class="rows" role="rowgroup" style={{ height: view.length * HEIGHT }}>
            {shown.map((row, at) => (
              <Line key={(first + at) % SLOTS} row={row} index={first + at} chosen={row.s.seq === selected} />
            ))}
          </div>
        )}
      </div>
      {rows.received === 0 && <Welcome />}
      {rows.received > 0 && view.length === 0 && <p class="empty">No record passes the filter.</p>}
    </div>
  );
}

function Line({
  row,
  index,
  chosen,
}: {
  readonly row: Row;
  readonly index: number;
  readonly chosen: boolean;
}) {
  const { s } = row;
  const status = statusOf(row);
  return (
    <div
      class={`row line${chosen ? " chosen" : ""} is-${status ?? "none"}`}
      role="row"
      id={`row-${s.seq}`}
      aria-rowindex={index + 2}
      aria-selected={chosen}
      style={{ transform: `translateY(${index * HEIGHT}px)` }}
      onClick={() => store.select(s.seq, true)}
    >
      <span role="gridcell" class="num" title={s.at}>
        {clock(s.at)}
      </span>
      <span role="gridcell">
        <ProtocolMark protocol={s.protocol} />
      </span>
      <span role="gridcell">
        {short(s.from ?? "·")} <i>→</i> {short(s.to ?? "·")}
      </span>
      <span role="gridcell">{operationOf(s)}</span>
      <span role="gridcell">{visible(s.name ?? s.kind ?? "")}</span>
      <span role="gridcell">
        <StatusMark status={status} http={s.http} />
      </span>
      <span role="gridcell" class="num">
        {status === "pending" ? <Since mono={s.mono} /> : duration(msOf(row))}
      </span>
      <span role="gridcell" class="num">
        {size(s.bytes)}
      </span>
      <span role="gridcell" class="dim">
        {visible(s.reason ?? s.text ?? "")}
      </span>
    </div>
  );
}

/** A clock that runs until the answer comes. */
export function Since({ mono }: { readonly mono: number }) {
  useTick(250);
  return <span class="running">{duration(Math.max(0, store.now() - mono))}</span>;
}
