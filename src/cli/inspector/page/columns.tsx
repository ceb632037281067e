/** The columns of the timeline, and the choice of those that are shown. */
import type { ComponentChildren } from "preact";
import { isHead, msOf, type Row, statusOf } from "./rows.ts";
import { store, useStore, useTick } from "./store.ts";
import { clock, duration, operationOf, ProtocolMark, StatusMark, short, size, visible } from "./text.tsx";

/** A column; `index` counts those that are hidden too. */
interface Column {
  readonly id: string;
  readonly title: string;
  readonly index: number;
  readonly cell: (row: Row) => ComponentChildren;
}

const CELLS: readonly (readonly [id: string, title: string, cell: Column["cell"]])[] = [
  ["time", "time", ({ s }) => <time title={s.at}>{clock(s.at)}</time>],
  ["protocol", "protocol", ({ s }) => <ProtocolMark protocol={s.protocol} />],
  ["peers", "from → to", peers],
  ["operation", "operation", ({ s }) => operationOf(s)],
  ["name", "name", name],
  ["status", "status", (row) => <StatusMark status={statusOf(row)} http={row.s.http} />],
  ["ms", "ms", ms],
  ["bytes", "bytes", ({ s }) => size(s.bytes)],
  ["text", "begins with", (row) => visible(beginning(row))],
];

/** In the order in which they stand. */
export const COLUMNS: readonly Column[] = CELLS.map(([id, title, cell], at) => ({
  ...{ id, title, cell, index: at + 1 },
}));

function peers({ s }: Row) {
  return (
    <>
      {short(s.from ?? "·")} <i>→</i> {short(s.to ?? "·")}
    </>
  );
}

function name(row: Row) {
  const { s, group } = row;
  const unfold = (event: Event): void => {
    event.stopPropagation();
    store.unfold(!group!.open, row);
  };
  return (
    <>
      {isHead(row) && (
        <button
          type="button"
          class="fold"
          tabIndex={-1}
          aria-label={`${group!.rows.length} progress records`}
          onClick={unfold}
        >
          {group!.open ? "▾" : "▸"} ×{group!.rows.length}
        </button>
      )}{" "}
      {visible(s.name ?? s.kind ?? "")}
    </>
  );
}

function ms(row: Row) {
  return statusOf(row) === "pending" ? <Since mono={row.s.mono} /> : duration(msOf(row));
}

/** Of folded progress, the last. */
function beginning(row: Row): string {
  const { s } = (row.group?.open === false && isHead(row) && row.group.rows.at(-1)) || row;
  return s.reason ?? s.text ?? "";
}

/** A clock that runs until the answer comes. */
export function Since({ mono }: { readonly mono: number }) {
  useTick(250);
  return <span class="running">{duration(Math.max(0, store.now() - mono))}</span>;
}

/** A row needs its time, and its name unfolds it. */
const canHide = ({ id }: Column): boolean => id !== "time" && id !== "name";

/** The columns that are shown. */
export const shownColumns = (): readonly Column[] =>
  COLUMNS.filter((column) => !canHide(column) || !store.hidden.has(column.id));

/** The choice of columns. */
export function ColumnChoice() {
  const { hidden } = useStore();
  const shown = shownColumns().length;
  const close = (event: KeyboardEvent): void => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    const details = event.currentTarget as HTMLDetailsElement;
    details.open = false;
    details.querySelector("summary")!.focus();
  };
  return (
    <details class="columns" onKeyDown={close}>
      <summary id="columns">columns{shown < COLUMNS.length && ` (${shown} of ${COLUMNS.length})`}</summary>
      <fieldset>
        <legend class="hidden">Columns shown</legend>
        {COLUMNS.filter(canHide).map(({ id, title }) => (
          <label key={id}>
            <input type="checkbox" checked={!hidden.has(id)} onChange={() => store.toggleColumn(id)} />{" "}
            {title}
          </label>
        ))}
      </fieldset>
    </details>
  );
}
