/** The timeline: a list of which only the visible rows exist, each 24 pixels high. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { COLUMNS, shownColumns } from "./columns.tsx";
import { isHead, type Row, statusOf } from "./rows.ts";
import { store, useStore } from "./store.ts";
import { Welcome } from "./welcome.tsx";

const HEIGHT = 24;
const HEAD = 28;
/** Elements are reused for other rows; more than are ever visible. */
const SLOTS = 400;
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
  const columns = shownColumns();
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
        role="treegrid"
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
          {columns.map(({ id, title, index }) => (
            <span role="columnheader" class={`c-${id}`} aria-colindex={index} key={id}>
              {title}
            </span>
          ))}
        </div>
        {shown.length > 0 && (
          <div class="rows" role="rowgroup" style={{ height: view.length * HEIGHT }}>
            {shown.map((row, at) => (
              <Line
                key={(first + at) % SLOTS}
                row={row}
                index={first + at}
                chosen={row.s.seq === selected}
                columns={columns}
              />
            ))}
          </div>
        )}
      </div>
      {rows.received === 0 && <Welcome />}
      {rows.received > 0 && view.length === 0 && <p class="empty">No record passes the filter.</p>}
    </div>
  );
}

interface LineProps {
  readonly row: Row;
  readonly index: number;
  readonly chosen: boolean;
  readonly columns: typeof COLUMNS;
}

function Line({ row, index, chosen, columns }: LineProps) {
  const { s, group } = row;
  const head = isHead(row);
  const isBelow = group?.open === true && !head;
  return (
    <div
      class={`row line${chosen ? " chosen" : ""}${isBelow ? " below" : ""} is-${statusOf(row) ?? "none"}`}
      role="row"
      id={`row-${s.seq}`}
      aria-rowindex={index + 2}
      aria-selected={chosen}
      aria-level={isBelow ? 2 : 1}
      aria-expanded={head ? group!.open : undefined}
      style={{ transform: `translateY(${index * HEIGHT}px)` }}
      onClick={() => store.select(s.seq, true)}
    >
      {columns.map(({ id, index, cell }) => (
        <span role="gridcell" class={`c-${id}`} aria-colindex={index} key={id}>
          {cell(row)}
        </span>
      ))}
    </div>
  );
}
