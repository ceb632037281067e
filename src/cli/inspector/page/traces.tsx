/** Traces as waterfalls across the four protocols. */
import { useState } from "preact/hooks";
import { type Row, statusOf } from "./rows.ts";
import { store, useStore, useTick } from "./store.ts";
import { clock, duration, Empty, operationOf, ProtocolMark, StatusMark, short, visible } from "./text.tsx";
import { endOf, isSpan, scaleOf, type Trace, tracesOf } from "./trace.ts";

const SHOWN = 200;

export function Traces() {
  const { rows, selected } = useStore();
  const traces = tracesOf(rows.all.slice(-5_000), SHOWN);
  const [chosen, setChosen] = useState<string>();
  const holds = (trace: Trace): boolean => trace.rows.some(({ s }) => s.seq === selected);
  const trace = traces.find(({ id }) => id === chosen) ?? traces.find(holds) ?? traces[0];
  if (trace === undefined) return <Empty>No trace yet: a trace joins records that share an id.</Empty>;
  return (
    <div class="split">
      <ul class="list" aria-label="Traces">
        {traces.map((one) => (
          <li key={one.id}>
            <button type="button" aria-pressed={one === trace} onClick={() => setChosen(one.id)}>
              <span class="num">{clock(one.rows[0]!.s.at)}</span> <b>{visible(titleOf(one))}</b>
              <small>
                {one.rows.length === 1 ? "1 record" : `${one.rows.length} records`} ·{" "}
                {one.end === undefined ? "open" : duration(one.end - one.start)}
                {one.failed ? " · ✗ failed" : ""}
              </small>
            </button>
          </li>
        ))}
      </ul>
      <section aria-label="Waterfall">
        <h2>
          {visible(titleOf(trace))} <small>{visible(trace.id)}</small>
        </h2>
        <Waterfall rows={trace.rows} />
      </section>
    </div>
  );
}

const titleOf = ({ rows }: Trace): string => {
  const first = rows.find(({ s }) => s.name) ?? rows[0]!;
  return first.s.name ?? first.s.op ?? first.s.type;
};

/** One bar for each record; what has no answer yet runs on. */
export function Waterfall({ rows }: { readonly rows: readonly Row[] }) {
  const isOpen = rows.some((row) => endOf(row) === undefined);
  useTick(isOpen ? 250 : 3_600_000);
  const now = store.now();
  const { at, gaps } = scaleOf(rows, now);
  return (
    <ol class="waterfall">
      {rows.map((row) => {
        const { s } = row;
        const [from, to] = [at(s.mono), at(endOf(row) ?? now)];
        const span = isSpan(row);
        const open = endOf(row) === undefined;
        const state = statusOf(row) ?? "ok";
        return (
          <li key={s.seq}>
            <button
              type="button"
              onClick={() => store.select(s.seq, true)}
              aria-pressed={s.seq === store.selected}
            >
              <ProtocolMark protocol={s.protocol} />
              <span class="who">
                {short(s.from ?? "·")} → {short(s.to ?? "·")}
              </span>
              <span class="what">{operationOf(s)}</span>
              <span class="lane">
                {gaps.map((gap) => (
                  <span
                    key={gap}
                    class="gap"
                    style={{ left: `${gap * 100}%` }}
                    title="more than a second without activity"
                  />
                ))}
                <span
                  class={`bar ${state}${span ? "" : " moment"}${open ? " open" : ""}`}
                  style={{
                    left: `${from * 100}%`,
                    width: span ? `max(3px, ${(to - from) * 100}%)` : undefined,
                  }}
                />
              </span>
              <StatusMark status={state} http={s.http} />
              <span class="num">
                {open ? duration(now - s.mono) : span ? duration((endOf(row) ?? now) - s.mono) : ""}
              </span>
            </button>
          </li>
        );
      })}
    </ol>
  );
}
