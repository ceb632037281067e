/** Text of others, shown as text: nothing here is ever HTML, and what could reverse or hide text becomes visible. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Protocol, Status, Summary } from "../record.ts";

const HIDDEN = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Control and direction characters as `U+202E`. */
export const visible = (text: string): string =>
  text.replace(HIDDEN, (char) => `⟨U+${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}⟩`);

export const MARK: Readonly<Record<Status, string>> = {
  ...{ ok: "✓", failed: "✗", denied: "⊘", refused: "✗", cancelled: "◌", timeout: "⧖", pending: "…" },
};

export const PROTOCOL: Readonly<Record<Protocol, string>> = {
  ...{ cap: "CAP", neuron: "neuron", aureus: "Aureus", "4runr": "4Runr" },
};

/** `12:25:12.003`, in the time zone of the reader. */
export function clock(at: string): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return visible(at);
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

export function duration(ms: number | undefined): string {
  if (ms === undefined) return "";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 120_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

export function size(bytes: number | undefined): string {
  if (bytes === undefined) return "";
  return bytes < 1_000
    ? `${bytes} B`
    : bytes < 1_000_000
      ? `${(bytes / 1_000).toFixed(1)} kB`
      : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** What a record does: of an event its frame, since the operation is the same for all of a stream. */
export const operationOf = ({ type, kind, op, target }: Summary): string =>
  visible((type === "event" ? kind : op) ?? target ?? kind ?? type);

/** An id in a column: of a UUID its beginning. */
export const short = (id: string): string =>
  visible(id.replace(/^([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, "$1…"));

export const count = (n: number): string => n.toLocaleString("en");

const LONG = 65_536;

/** A text that wraps; the end of a very long one comes when it is asked for. */
export function Long({ text }: { readonly text: string }) {
  const [whole, setWhole] = useState(false);
  if (text.length <= LONG || whole) return <>{visible(text)}</>;
  return (
    <>
      {visible(text.slice(0, LONG))}{" "}
      <button type="button" onClick={() => setWhole(true)}>
        show all {count(text.length)} characters
      </button>
    </>
  );
}

const isTree = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

const OPEN_NODES = 200;
const PAGE = 200;

/** A JSON value as a tree. A large one opens level by level. */
export function Tree({ value }: { readonly value: unknown }) {
  return (
    <div class="tree">
      <Node value={value} open={nodes(value, OPEN_NODES) < OPEN_NODES} top />
    </div>
  );
}

function nodes(value: unknown, limit: number): number {
  let found = 1;
  if (isTree(value))
    for (const item of Object.values(value)) if (found < limit) found += nodes(item, limit - found);
  return found;
}

interface NodeProps {
  readonly name?: string;
  readonly value: unknown;
  readonly open: boolean;
  readonly top?: boolean;
}

function Node({ name, value, open, top = false }: NodeProps) {
  const [shown, setShown] = useState(open || top);
  const [limit, setLimit] = useState(PAGE);
  const label = name === undefined ? null : <span class="key">{visible(name)}: </span>;
  if (!isTree(value)) {
    return (
      <div>
        {label}
        <Leaf value={value} />
      </div>
    );
  }
  const entries = Object.entries(value);
  const [begin, end] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0)
    return (
      <div>
        {label}
        {`${begin}${end}`}
      </div>
    );
  return (
    <div>
      <button type="button" class="fold" aria-expanded={shown} onClick={() => setShown(!shown)}>
        {shown ? "▾" : "▸"} {label}
        {shown ? begin : `${begin} ${entries.length} ${end}`}
      </button>
      {shown && (
        <div class="in">
          {entries.slice(0, limit).map(([key, item]) => (
            <Node key={key} name={Array.isArray(value) ? `${key}` : key} value={item} open={open} />
          ))}
          {entries.length > limit && (
            <button type="button" onClick={() => setLimit(limit + PAGE)}>
              {count(entries.length - limit)} more
            </button>
          )}
        </div>
      )}
      {shown && end}
    </div>
  );
}

function Leaf({ value }: { readonly value: unknown }) {
  if (typeof value !== "string") return <span class="number">{String(value)}</span>;
  if (/^(?:\w+ )?\[secret\]$/.test(value)) return <span class="masked">•••• masked</span>;
  return (
    <span class="string">
      "<Long text={value} />"
    </span>
  );
}

/** A status as sign and word, so that colour is never all there is. */
export function StatusMark({
  status,
  http,
}: {
  readonly status: Status | undefined;
  readonly http?: number | undefined;
}) {
  if (status === undefined) return null;
  return (
    <span class={`status ${status}`}>
      <span aria-hidden="true">{MARK[status]}</span>{" "}
      {http !== undefined && status !== "pending" ? `${http} ` : ""}
      {status}
    </span>
  );
}

export function ProtocolMark({ protocol }: { readonly protocol: Protocol | undefined }) {
  return protocol === undefined ? null : <span class={`proto p-${protocol}`}>{PROTOCOL[protocol]}</span>;
}

/** Rows of name and value. */
export function Facts({ rows }: { readonly rows: readonly (readonly [string, ComponentChildren])[] }) {
  const set = rows.filter(([, value]) => value !== undefined && value !== "" && value !== null);
  return (
    <dl class="facts">
      {set.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{typeof value === "string" ? visible(value) : value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}
