/** The frame of the page: tabs, tools, keys. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Protocol } from "../record.ts";
import { ColumnChoice } from "./columns.tsx";
import { Detail } from "./detail.tsx";
import { KEYS } from "./filter.ts";
import { HELP, onKey } from "./keys.ts";
import { Send } from "./send.tsx";
import { State } from "./state.tsx";
import { store, type Tab, useStore } from "./store.ts";
import { count, PROTOCOL, visible } from "./text.tsx";
import { Timeline } from "./timeline.tsx";
import { Traces } from "./traces.tsx";

const LINKS = {
  connecting: "○ connecting",
  live: "● live",
  lost: "○ reconnecting",
  unauthorized: "✗ not authorized",
};
const THEMES = ["auto", "light", "dark"] as const;

export function App() {
  const { tab, state, file, detailOpen, selected, rows, link } = useStore();
  useEffect(() => {
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  const hasDetail = detailOpen && (tab === "timeline" || tab === "traces");
  const row = selected === undefined || !hasDetail ? undefined : rows.get(selected);
  const canSend = (state?.targets.length ?? 0) > 0;
  const tabs: readonly Tab[] = canSend
    ? ["timeline", "traces", "state", "send"]
    : ["timeline", "traces", "state"];
  return (
    <>
      <header class="top">
        <h1>
          agentwire{" "}
          <span>{state?.mode === "inspect" ? "inspect" : state?.mode === "file" ? "capture" : "dev"}</span>
        </h1>
        <nav aria-label="Views">
          {tabs.map((name) => (
            <button
              type="button"
              key={name}
              aria-current={tab === name ? "page" : undefined}
              onClick={() => store.set({ tab: name })}
            >
              {name[0]!.toUpperCase() + name.slice(1)}
              {name === "state" && state !== undefined && state.approvals.length > 0 && (
                <b class="badge">{state.approvals.length}</b>
              )}
            </button>
          ))}
        </nav>
        <span class={`link ${file === undefined ? link : "file"}`}>
          {file === undefined ? LINKS[link] : `file: ${visible(file)}`}
        </span>
        <Tools />
      </header>
      {tab === "timeline" && <FilterBar />}
      <main class={row === undefined ? "" : "with-detail"}>
        <div class="main">
          {tab === "timeline" && <Timeline />}
          {tab === "traces" && <Traces />}
          {tab === "state" && <State />}
          {tab === "send" && <Send />}
        </div>
        {row !== undefined && <Detail row={row} />}
      </main>
      <Notice />
    </>
  );
}

function Tools() {
  const { paused, held, file, follow } = useStore();
  const [theme, setTheme] = useState<(typeof THEMES)[number]>("auto");
  const input = useRef<HTMLInputElement>(null);
  const help = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  return (
    <div class="tools">
      {file === undefined ? (
        <button type="button" aria-pressed={paused} onClick={() => store.pause(!paused)}>
          {paused ? `▶ resume${held > 0 ? ` (${count(held)})` : ""}` : "‖ pause"}
        </button>
      ) : (
        <button type="button" onClick={() => store.closeFile()}>
          back to live
        </button>
      )}
      <button type="button" aria-pressed={follow} onClick={() => store.set({ follow: !follow })}>
        ↓ follow
      </button>
      <button type="button" onClick={() => store.clear()}>
        clear
      </button>
      <button type="button" onClick={() => void save()}>
        save…
      </button>
      <button type="button" onClick={() => input.current!.click()}>
        open…
      </button>
      <input
        ref={input}
        type="file"
        class="hidden"
        accept=".ndjson,.jsonl"
        aria-label="Open a capture"
        tabIndex={-1}
        onChange={() => void open(input.current!)}
      />
      <button
        type="button"
        class="icon"
        aria-label="Keys and filters"
        id="help"
        onClick={() => help.current!.showModal()}
      >
        ?
      </button>
      <button
        type="button"
        class="icon"
        aria-label={`Theme: ${theme}`}
        onClick={() => setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!)}
      >
        {theme === "dark" ? "☾" : theme === "light" ? "☀" : "◐"}
      </button>
      <dialog ref={help} aria-label="Keys and filters">
        <h2>Keys</h2>
        <dl class="facts">
          {HELP.map(([keys, what]) => (
            <div key={keys}>
              <dt>
                <kbd>{keys}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <h2>Filter</h2>
        <p>
          Words, <code>key:value</code>, <code>-key:value</code>, <code>dur:&gt;500</code>,{" "}
          <code>topic:job.*</code>. Keys: {KEYS.join(", ")}.
        </p>
        <form method="dialog">
          <button type="submit">Close</button>
        </form>
      </dialog>
    </div>
  );
}

async function save(): Promise<void> {
  const url = URL.createObjectURL(new Blob([await store.capture()], { type: "application/x-ndjson" }));
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = "agentwire.ndjson";
  anchor.click();
  URL.revokeObjectURL(url);
}

async function open(input: HTMLInputElement): Promise<void> {
  const [file] = input.files ?? [];
  input.value = "";
  if (file === undefined) return;
  try {
    if (file.size > 200_000_000) throw new Error("a capture may have 200 MB at most");
    store.open(file.name, await file.text());
  } catch (error) {
    store.set({ notice: `${file.name} is not a capture: ${(error as Error).message}` });
  }
}

function FilterBar() {
  const { query, protocols, failuresOnly, foldHeartbeats, heartbeats, view, rows } = useStore();
  const toggle = (protocol: Protocol): void => {
    const next = new Set(protocols);
    if (!next.delete(protocol)) next.add(protocol);
    store.filter({ protocols: next });
  };
  const check = (label: string, checked: boolean, onChange: () => void) => (
    <label>
      <input type="checkbox" checked={checked} onChange={onChange} /> {label}
    </label>
  );
  return (
    <div class="filter">
      <input
        id="filter"
        type="search"
        aria-label="Filter"
        placeholder="filter: text  proto:cap  status:failed  topic:job.*  dur:>500  -kind:heartbeat"
        value={query}
        onInput={(event) => store.filter({ query: event.currentTarget.value })}
      />
      {(Object.keys(PROTOCOL) as Protocol[]).map((protocol) =>
        check(PROTOCOL[protocol], protocols.has(protocol), () => toggle(protocol)),
      )}
      {check("failures only", failuresOnly, () => store.filter({ failuresOnly: !failuresOnly }))}
      {check(`fold heartbeats (${count(heartbeats)})`, foldHeartbeats, () =>
        store.filter({ foldHeartbeats: !foldHeartbeats }),
      )}
      <ColumnChoice />
      <span class="counts num">
        {count(view.length)} shown · {count(rows.dropped)} dropped
      </span>
    </div>
  );
}

/** The one live region: what was done last, and every five seconds what is new. */
function Notice() {
  const { notice } = useStore();
  const [summary, setSummary] = useState("");
  const seen = useRef({ received: 0, failed: 0 });
  useEffect(() => {
    const timer = setInterval(() => {
      const { received } = store.rows;
      const added = received - seen.current.received;
      seen.current = { received, failed: 0 };
      setSummary(added > 0 ? `${added} new records` : "");
    }, 5_000);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => {
    if (notice === "") return;
    const timer = setTimeout(() => store.set({ notice: "" }), 6_000);
    return () => clearTimeout(timer);
  }, [notice]);
  return (
    <>
      {notice !== "" && <div class="notice">{visible(notice)}</div>}
      <div class="hidden" role="status" aria-live="polite">
        {visible(notice || summary)}
      </div>
    </>
  );
}
