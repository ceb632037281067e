/** The state behind the records: workers, leases, jobs, tokens, denials, and what waits for a person. */
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { Protocol } from "../record.ts";
import type { Denial, OpenState, TokenState, TrackedState } from "../tracker.ts";
import { post } from "./api.ts";
import { store, useStore, useTick } from "./store.ts";
import { duration, Empty, ProtocolMark, StatusMark, short, visible } from "./text.tsx";

/** Something that can be sent, with a sample of its input. */
export interface Target {
  readonly protocol: Protocol;
  readonly name: string;
  readonly sample: unknown;
  /** Samples of the forms that its schema allows. */
  readonly variants?: readonly { readonly label: string; readonly sample: unknown }[];
}

/** What waits for a person. */
export interface Approval {
  readonly protocol: Protocol;
  readonly id: string;
  readonly name: string;
  readonly reason: string;
  readonly who: string;
}

/** What `/api/state` returns. */
export interface PageState extends TrackedState {
  readonly mode: "dev" | "inspect" | "file";
  /** `mono` of the server when it answered. */
  readonly now: number;
  readonly canAct: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly parts: Readonly<Record<string, { readonly state: string; readonly reason?: string }>>;
  readonly targets: readonly Target[];
  readonly approvals: readonly Approval[];
}

const REFRESH_MS = 1_000;

export function State() {
  const { state } = useStore();
  useTick(500);
  useEffect(() => {
    void store.refresh();
    const timer = setInterval(() => void store.refresh(), REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  if (state === undefined) return <Empty>Loading</Empty>;
  const now = state.mode === "file" ? state.now : store.now();
  const openJobs = state.jobs.filter(({ status }) => status === "pending");
  const leases = state.leases.filter(({ status }) => status === "pending");
  return (
    <div class="cards">
      {Object.keys(state.parts).length > 0 && (
        <Card title="Servers">
          <Table head={["server", "state"]}>
            {Object.entries(state.parts).map(([name, { state: is, reason }]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td class={is === "running" ? "ok" : "dim"}>
                  {is === "running" ? "● running" : `○ ${is}`}
                  {reason && <small> {visible(reason)}</small>}
                </td>
              </tr>
            ))}
          </Table>
        </Card>
      )}
      <Card title="Waiting for approval" count={state.approvals.length}>
        {state.approvals.length === 0 ? (
          <Empty>Nothing waits for a person.</Empty>
        ) : (
          <Table head={["job", "reason", "asked by", ""]}>
            {state.approvals.map((one) => (
              <tr key={one.id}>
                <th scope="row">
                  {visible(one.name)} <small>{short(one.id.replace(/^job-/, ""))}</small>
                </th>
                <td>{visible(one.reason)}</td>
                <td>{short(one.who)}</td>
                <td class="buttons">
                  <button type="button" onClick={() => void decide(one, true)}>
                    Approve
                  </button>
                  <button type="button" onClick={() => void decide(one, false)}>
                    Deny
                  </button>
                </td>
              </tr>
            ))}
          </Table>
        )}
      </Card>
      <Card title="Workers" count={state.workers.length + Object.keys(state.neurons).length}>
        {state.workers.length + Object.keys(state.neurons).length === 0 ? (
          <Empty>No worker has sent a heartbeat, and no neuron has registered.</Empty>
        ) : (
          <Table head={["worker", "serves", "slots", "load", "last beat"]}>
            {state.workers.map(({ id, pool, active, slots, load, capabilities, beat, everyMs = 10_000 }) => {
              const ago = now - beat;
              const late = ago > 3 * Math.max(everyMs, 1_000);
              return (
                <tr key={id}>
                  <th scope="row">{visible(id)}</th>
                  <td>{visible([pool, ...capabilities].filter(Boolean).join(", "))}</td>
                  <td class="num">
                    <Meter value={active} max={slots || 1} label={`${active} of ${slots || "?"}`} />
                  </td>
                  <td class="num">{Math.round(load)} %</td>
                  <td class={`num ${late ? "failed" : ""}`}>
                    {late ? "✗ " : ""}
                    {duration(ago)}
                  </td>
                </tr>
              );
            })}
            {Object.entries(state.neurons).map(([id, types]) => (
              <tr key={id}>
                <th scope="row">{visible(id)}</th>
                <td>{visible(types.join(", "))}</td>
                <td class="num">{leases.filter(({ worker }) => worker === id).length}</td>
                <td />
                <td class="dim">neuron</td>
              </tr>
            ))}
          </Table>
        )}
      </Card>
      <Card title="Leases in flight" count={leases.length}>
        <OpenTable rows={leases} now={now} empty="No lease is out." />
      </Card>
      <Card title="Jobs in flight" count={openJobs.length}>
        <OpenTable rows={openJobs} now={now} empty="No job is open." />
        <p class="dim">
          {Object.entries(state.ended)
            .map(([status, number]) => `${number} ${status}`)
            .join(" · ") || "None has ended yet."}
        </p>
      </Card>
      <Card title="Tokens" count={state.tokens.length}>
        {state.tokens.length === 0 ? (
          <Empty>No agent has asked for a token.</Empty>
        ) : (
          <Table head={["tools", "agent", "remaining", "calls", "last refusal"]}>
            {state.tokens.slice(-50).map((one) => (
              <TokenRow key={one.id} token={one} />
            ))}
          </Table>
        )}
      </Card>
      <Card title="Policies" count={state.policies.length}>
        {state.policies.length === 0 ? (
          <Empty>No policy has decided yet.</Empty>
        ) : (
          <Table head={["policies of", "rules last seen", "allowed", "denied", "last denials"]}>
            {state.policies.slice(-50).map(({ id, protocol, name, rules, allowed, denied, denials }) => (
              <tr key={id}>
                <th scope="row">
                  <ProtocolMark protocol={protocol} /> {short(name || "unknown")}
                </th>
                <td>
                  {Object.entries(rules).map(([policy, text]) => (
                    <div key={policy}>
                      {visible(policy)} <small>{visible(text)}</small>
                    </div>
                  ))}
                </td>
                <td class="num">{allowed}</td>
                <td class={`num ${denied > 0 ? "failed" : ""}`}>{denied}</td>
                <td>
                  {denials.toReversed().map((one) => (
                    <Why key={one.seq} denial={one} />
                  ))}
                </td>
              </tr>
            ))}
          </Table>
        )}
      </Card>
      <Card title="Last denials" count={state.denials.length}>
        {state.denials.length === 0 ? (
          <Empty>Nothing was denied.</Empty>
        ) : (
          <Table head={["record", "who", "what", "why"]}>
            {state.denials.toReversed().map((one) => (
              <tr key={one.seq}>
                <th scope="row">
                  <button type="button" class="link" onClick={() => show(one.seq)}>
                    #{one.seq}
                  </button>{" "}
                  <ProtocolMark protocol={one.protocol} />
                </th>
                <td>{short(one.who)}</td>
                <td>{visible(one.name)}</td>
                <td>{visible(one.why)}</td>
              </tr>
            ))}
          </Table>
        )}
      </Card>
    </div>
  );
}

function TokenRow({ token }: { readonly token: TokenState }) {
  const { seq, id, name, worker = "", expiresAt, calls, refused, denial } = token;
  return (
    <tr>
      <th scope="row">
        <button type="button" class="link" onClick={() => show(seq)}>
          {visible(name || id)}
        </button>
      </th>
      <td>{short(worker)}</td>
      <td class="num">{remaining(expiresAt)}</td>
      <td class="num">
        {calls}
        {refused > 0 && <small class="failed"> {refused} refused</small>}
      </td>
      <td>{denial !== undefined && <Why denial={denial} />}</td>
    </tr>
  );
}

/** A denial, its reason, and the way to its record. */
function Why({ denial: { seq, name, why } }: { readonly denial: Denial }) {
  return (
    <div>
      <button type="button" class="link" onClick={() => show(seq)}>
        #{seq}
      </button>{" "}
      {visible(name)} <small>{visible(why)}</small>
    </div>
  );
}

function remaining(expiresAt: string | undefined): string {
  if (expiresAt === undefined) return "";
  const leftMs = Date.parse(expiresAt) - Date.now();
  return leftMs > 0 ? duration(leftMs) : "expired";
}

function show(seq: number): void {
  store.set({ tab: "timeline" });
  store.select(
    store.rows.get(seq)?.s.seq ?? store.rows.all.find(({ answer }) => answer === seq)?.s.seq,
    true,
  );
}

async function decide({ protocol, id }: Approval, approve: boolean): Promise<void> {
  await post("/api/decide", { protocol, id, approve }).then(
    () => store.set({ notice: `${id} ${approve ? "approved" : "denied"}` }),
    (error: Error) => store.set({ notice: error.message }),
  );
  await store.refresh();
}

function Card({
  title,
  count,
  children,
}: {
  readonly title: string;
  readonly count?: number;
  readonly children: ComponentChildren;
}) {
  return (
    <section class="card" aria-label={title}>
      <h2>
        {title} {count !== undefined && <small>{count}</small>}
      </h2>
      {children}
    </section>
  );
}

function Table({
  head,
  children,
}: {
  readonly head: readonly string[];
  readonly children: ComponentChildren;
}) {
  return (
    <table>
      <thead>
        <tr>
          {head.map((name) =>
            name === "" ? (
              <td key={name} />
            ) : (
              <th scope="col" key={name}>
                {name}
              </th>
            ),
          )}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

function OpenTable({
  rows,
  now,
  empty,
}: {
  readonly rows: readonly OpenState[];
  readonly now: number;
  readonly empty: string;
}) {
  if (rows.length === 0) return <Empty>{empty}</Empty>;
  return (
    <Table head={["what", "who", "since", "remaining", "status"]}>
      {rows.slice(-50).map((one) => {
        return (
          <tr key={one.id}>
            <th scope="row">
              <button type="button" class="link" onClick={() => show(one.seq)}>
                {visible(one.name || one.id)}
              </button>
            </th>
            <td>{short(one.worker ?? "nobody yet")}</td>
            <td class="num">{duration(now - one.since)}</td>
            <td class="num">
              {remaining(one.expiresAt)}
              {one.renewals ? <small> renewed {one.renewals}×</small> : null}
            </td>
            <td>
              <StatusMark status={one.status} />
            </td>
          </tr>
        );
      })}
    </Table>
  );
}

function Meter({
  value,
  max,
  label,
}: {
  readonly value: number;
  readonly max: number;
  readonly label: string;
}) {
  return (
    <span class="meter">
      <meter value={value} max={max} aria-label={label} /> {label}
    </span>
  );
}
