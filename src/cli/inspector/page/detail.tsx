/** One record from all sides. */
import { useEffect, useState } from "preact/hooks";
import type { CaptureRecord } from "../record.ts";
import { post } from "./api.ts";
import { Bytes } from "./bytes.tsx";
import { commandOf, curlOf } from "./copy.ts";
import { msOf, type Row, statusOf } from "./rows.ts";
import { store, useStore } from "./store.ts";
import { duration, Empty, Facts, Long, ProtocolMark, StatusMark, size, Tree, visible } from "./text.tsx";
import { tracesOf } from "./trace.ts";
import { Waterfall } from "./traces.tsx";

const TABS = ["Body", "Headers", "Bytes", "Signature", "Policy", "Trace", "Raw"] as const;

interface Loaded {
  readonly asked: CaptureRecord;
  readonly answered: CaptureRecord | undefined;
}

/** Copies a text, and says so. */
export async function copy(text: string | undefined, what: string): Promise<void> {
  if (text === undefined) return store.set({ notice: `${what} is not available for this record` });
  await navigator.clipboard.writeText(text).then(
    () => store.set({ notice: `${what} copied` }),
    () => store.set({ notice: "the browser does not allow copying here" }),
  );
}

/** Sends a record again and shows what follows from it. */
export async function resend(seq: number): Promise<void> {
  await post<{ done: unknown }>(`/api/records/${seq}/resend`, {}).then(
    ({ done }) => store.set({ notice: `resent #${seq}: ${JSON.stringify(done)}`, follow: true }),
    (error: Error) => store.set({ notice: `not resent: ${error.message}` }),
  );
}

export function Detail({ row }: { readonly row: Row }) {
  const { state, file } = useStore();
  const [tab, setTab] = useState<(typeof TABS)[number]>("Body");
  const [loaded, setLoaded] = useState<Loaded | string>();
  const { s, answer } = row;
  useEffect(() => {
    let gone = false;
    setLoaded(undefined);
    const both = Promise.all([store.record(s.seq), answer === undefined ? undefined : store.record(answer)]);
    both.then(
      ([asked, answered]) => gone || setLoaded({ asked, answered }),
      (error: Error) => gone || setLoaded(error.message),
    );
    return () => {
      gone = true;
    };
  }, [s.seq, answer]);
  const asked = typeof loaded === "object" ? loaded.asked : undefined;
  const canResend = state?.canAct === true && file === undefined;
  return (
    <aside class="detail" aria-label={`Record ${s.seq}`}>
      <header>
        <h2>
          <span class="dim">#{s.seq}</span> <ProtocolMark protocol={s.protocol} />{" "}
          {visible(s.kind ?? s.op ?? s.type)}
        </h2>
        <button
          type="button"
          class="icon"
          aria-label="Close the record"
          onClick={() => store.select(undefined, false)}
        >
          ×
        </button>
      </header>
      <p class="lead">
        <StatusMark status={statusOf(row)} http={s.http} /> {duration(msOf(row))} {size(s.bytes)}
        {s.sig && <Verdict verdict={s.sig.verdict} />}
      </p>
      {(s.code || s.reason) && <p class="reason">{visible([s.code, s.reason].filter(Boolean).join(": "))}</p>}
      <div class="actions">
        <button type="button" onClick={() => void copy(asked && JSON.stringify(asked, null, 2), "JSON")}>
          Copy JSON
        </button>
        <button type="button" onClick={() => void copy(asked && curlOf(asked), "curl")}>
          curl
        </button>
        <button type="button" onClick={() => void copy(asked && commandOf(asked), "command")}>
          command
        </button>
        {canResend && (
          <button type="button" onClick={() => void resend(s.seq)}>
            Resend
          </button>
        )}
      </div>
      <div class="tabs" role="tablist" aria-label="Views of the record">
        {TABS.map((name) => (
          <button
            type="button"
            role="tab"
            key={name}
            aria-selected={tab === name}
            aria-controls="view"
            onClick={() => setTab(name)}
          >
            {name}
          </button>
        ))}
      </div>
      <div class="view" role="tabpanel" id="view" aria-label={tab} tabIndex={0}>
        {loaded === undefined && <Empty>Loading</Empty>}
        {typeof loaded === "string" && <Empty>{loaded}</Empty>}
        {typeof loaded === "object" && <View tab={tab} row={row} loaded={loaded} />}
      </div>
    </aside>
  );
}

export function Verdict({ verdict }: { readonly verdict: string }) {
  const good = verdict === "verified";
  const open = verdict === "unsigned" || verdict === "not_checked";
  return (
    <span class={`status ${good ? "ok" : open ? "pending" : "failed"}`}>
      {good ? "✓" : open ? "○" : "✗"} {visible(verdict.replaceAll("_", " "))}
    </span>
  );
}

function View({
  tab,
  row,
  loaded,
}: {
  readonly tab: (typeof TABS)[number];
  readonly row: Row;
  readonly loaded: Loaded;
}) {
  const { asked, answered } = loaded;
  const { s } = row;
  switch (tab) {
    case "Body":
      return (
        <>
          {answered !== undefined && <h3>Request</h3>}
          <Body record={asked} />
          {answered !== undefined && <h3>Response</h3>}
          {answered !== undefined && <Body record={answered} />}
        </>
      );
    case "Headers": {
      if (asked.headers === undefined) return <Empty>This protocol has no headers.</Empty>;
      const of = (record: CaptureRecord) => <Facts rows={Object.entries(record.headers ?? {})} />;
      return (
        <>
          <h3>{visible(asked.target ?? "Request")}</h3>
          {of(asked)}
          {answered !== undefined && <h3>Response {answered.http}</h3>}
          {answered !== undefined && of(answered)}
        </>
      );
    }
    case "Bytes":
      return <Bytes record={asked} />;
    case "Signature": {
      const { sig } = asked;
      if (sig === undefined) return <Empty>Only CAP packets are signed.</Empty>;
      return (
        <Facts
          rows={[
            ["verdict", <Verdict key="v" verdict={sig.verdict} />],
            ["reason", sig.text],
            ["what to do", sig.advice],
            ["sender", sig.sender],
            ["signed over", sig.order],
            ["sha256 of the canonical bytes", sig.digest],
          ]}
        />
      );
    }
    case "Policy": {
      const policy = answered?.policy ?? asked.policy;
      if (policy === undefined && s.status !== "denied")
        return <Empty>No policy decided about this record.</Empty>;
      return (
        <Facts
          rows={[
            ["decision", policy?.allowed === true ? "allowed" : "denied"],
            ["rule", policy?.rule ?? s.reason],
            ["code", s.code],
            ["who", s.from],
            ["what", s.name],
          ]}
        />
      );
    }
    case "Trace": {
      const trace = tracesOf(store.rows.all, 20_000).find(({ rows }) => rows.includes(row));
      return trace === undefined ? (
        <Empty>Nothing else shares an id with it.</Empty>
      ) : (
        <Waterfall rows={trace.rows} />
      );
    }
    default:
      return (
        <>
          <pre class="raw">
            <Long text={JSON.stringify(asked, null, 2)} />
          </pre>
          {answered !== undefined && (
            <pre class="raw">
              <Long text={JSON.stringify(answered, null, 2)} />
            </pre>
          )}
        </>
      );
  }
}

function Body({ record: { body, cut, masked } }: { readonly record: CaptureRecord }) {
  return (
    <>
      {body === undefined ? (
        <Empty>No body.</Empty>
      ) : typeof body === "string" ? (
        <pre class="raw">
          <Long text={body} />
        </pre>
      ) : (
        <Tree value={body} />
      )}
      {cut !== undefined && <p class="dim">{size(cut)} more were left out.</p>}
      {masked !== undefined && <p class="dim">Masked: {visible(masked.join(", "))}</p>}
    </>
  );
}
