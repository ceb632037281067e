/** The state behind the records: workers, jobs, leases, tokens and denials, as far as records tell. Runs in browsers too. */
import type { CaptureRecord, Protocol, Status } from "./record.js";

/** A CAP worker, from its heartbeats. */
export interface WorkerState {
  readonly id: string;
  readonly pool: string | undefined;
  readonly active: number;
  readonly slots: number;
  readonly load: number;
  readonly capabilities: readonly string[];
  /** `mono` of its last heartbeat, and the time between the last two. */
  readonly beat: number;
  readonly everyMs: number | undefined;
}

/** A job, a task's lease or a token: what was asked for and has or has not come. */
export interface OpenState {
  readonly id: string;
  readonly protocol: Protocol;
  readonly name: string;
  readonly status: Status;
  readonly worker: string | undefined;
  readonly since: number;
  readonly seq: number;
  /** When a lease or a token ends, ISO 8601, and how often that moved. */
  readonly expiresAt?: string | undefined;
  readonly renewals?: number;
  readonly ttlMs?: number | undefined;
  readonly attempt?: number | undefined;
}

/** A token, and what became of the calls with it. */
export interface TokenState extends OpenState {
  readonly calls: number;
  readonly refused: number;
  /** The last call that was refused. */
  readonly denial?: Denial | undefined;
}

/** What decides: the policies of an agent or role of 4Runr, or those of an action or gate of Aureus. */
export interface PolicyState {
  readonly id: string;
  readonly protocol: Protocol;
  readonly name: string;
  /** Scopes and quotas by policy, where the policy was seen. */
  readonly rules: Readonly<Record<string, string>>;
  readonly allowed: number;
  readonly denied: number;
  /** The last ones, oldest first. */
  readonly denials: readonly Denial[];
}

/** A denial beside the rule that made it. */
export interface Denial {
  readonly seq: number;
  readonly at: string;
  readonly protocol: Protocol;
  readonly who: string;
  readonly name: string;
  readonly why: string;
}

/** What is known. */
export interface TrackedState {
  readonly workers: readonly WorkerState[];
  /** Capabilities by neuron. */
  readonly neurons: Readonly<Record<string, readonly string[]>>;
  readonly jobs: readonly OpenState[];
  readonly leases: readonly OpenState[];
  readonly tokens: readonly TokenState[];
  readonly policies: readonly PolicyState[];
  readonly denials: readonly Denial[];
  /** How many jobs and leases ended so. */
  readonly ended: Readonly<Record<string, number>>;
}

type Members = Readonly<Record<string, unknown>>;

const KEPT = 500;
const DENIALS = 20;
const DENIALS_OF_POLICY = 5;
const POLICY_OPS: readonly unknown[] = ["createPolicy", "updatePolicy", "getPolicy"];
const members = (value: unknown): Members =>
  typeof value === "object" && value !== null ? (value as Members) : {};
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Follows records. Bounded: of each kind the last 500 are kept. */
export class Tracker {
  readonly #workers = new Map<string, WorkerState>();
  readonly #neurons = new Map<string, readonly string[]>();
  readonly #jobs = new Map<string, OpenState>();
  readonly #leases = new Map<string, OpenState>();
  readonly #tokens = new Map<string, TokenState>();
  readonly #policies = new Map<string, PolicyState>();
  readonly #ended: Record<string, number> = {};
  #denials: Denial[] = [];

  /** Takes one record; they come in order. */
  take(record: CaptureRecord): void {
    const { protocol, kind, ids = {}, type } = record;
    if (protocol === "cap") {
      if (kind === "heartbeat") this.#beat(record);
      else if (ids.job !== undefined) this.#job(ids.job, record);
    } else if (protocol === "neuron") this.#neuron(record);
    else if (protocol === "4runr" && type === "response") this.#fourRunr(record);
    else if (protocol === "aureus" && type === "response" && record.policy !== undefined)
      this.#decide("aureus", record.name ?? record.op ?? "", record);
    if (record.status === "denied") this.#denials = [...this.#denials, denialOf(record)].slice(-DENIALS);
  }

  state(): TrackedState {
    return {
      workers: [...this.#workers.values()],
      neurons: Object.fromEntries(this.#neurons),
      jobs: [...this.#jobs.values()],
      leases: [...this.#leases.values()],
      tokens: [...this.#tokens.values()],
      policies: [...this.#policies.values()],
      denials: this.#denials,
      ended: { ...this.#ended },
    };
  }

  #beat({ body, from = "", mono }: CaptureRecord): void {
    const beat = members(members(body).heartbeat);
    const id = String(beat.workerId ?? from);
    const before = this.#workers.get(id);
    put(this.#workers, id, {
      ...{ id, pool: beat.pool as string | undefined, beat: mono },
      active: Number(beat.activeJobs ?? 0),
      slots: Number(beat.maxParallelJobs ?? 0),
      load: Number(beat.cpuLoad ?? 0),
      capabilities: list(beat.capabilities).map(String),
      everyMs: before && mono - before.beat,
    });
  }

  #job(job: string, record: CaptureRecord): void {
    const { kind, name, from, mono, seq, status = "ok", op } = record;
    const known = this.#jobs.get(job);
    if (kind === "jobRequest" && known === undefined) {
      put(this.#jobs, job, {
        ...{
          id: job,
          protocol: "cap" as const,
          name: name ?? "",
          status,
          worker: undefined,
          since: mono,
          seq,
        },
      });
    }
    if (known?.status !== "pending") return;
    if (kind === "jobProgress") put(this.#jobs, job, { ...known, worker: from });
    if (kind === "jobResult" || op === "sys.job.dlq" || kind === "jobCancel") {
      const end = kind === "jobCancel" ? "cancelled" : status;
      put(this.#jobs, job, { ...known, status: end, worker: kind === "jobResult" ? from : known.worker });
      this.#ended[end] = (this.#ended[end] ?? 0) + 1;
    }
  }

  #neuron(record: CaptureRecord): void {
    const { kind, name, mono, seq, ids = {}, type, body, to, lease, attempt, status = "ok" } = record;
    const given = members(body);
    if (kind === "registered") {
      const types = list(given.capabilities).map((item) => String(members(item).type));
      put(this.#neurons, to ?? "", types);
    }
    if (type === "event" && kind === "lease" && ids.lease !== undefined) {
      put(this.#leases, ids.lease, {
        ...{
          id: ids.lease,
          protocol: "neuron" as const,
          name: name ?? "",
          status: "pending" as const,
          worker: to,
        },
        ...{ since: mono, seq, expiresAt: lease?.expiresAt, ttlMs: lease?.ttlMs, renewals: 0, attempt },
      });
    }
    if (type !== "request") return;
    if (kind === "heartbeat")
      for (const flight of list(given.inFlight)) this.#renew(String(members(flight).leaseId), record.at);
    const known = ids.lease === undefined ? undefined : this.#leases.get(ids.lease);
    if (known?.status !== "pending" || (kind !== "ack" && kind !== "nack")) return;
    const end: Status = kind === "ack" ? "ok" : status;
    put(this.#leases, known.id, { ...known, status: end });
    this.#ended[end] = (this.#ended[end] ?? 0) + 1;
  }

  /** A heartbeat moves the end of a lease by the life it was given out with. */
  #renew(id: string, at: string): void {
    const known = this.#leases.get(id);
    if (known?.status !== "pending") return;
    const { ttlMs, renewals = 0 } = known;
    const expiresAt = ttlMs ? new Date(Date.parse(at) + ttlMs).toISOString() : known.expiresAt;
    put(this.#leases, id, { ...known, expiresAt, renewals: renewals + 1 });
  }

  #token({ ids = {}, name = "", to = "", mono, seq, body }: CaptureRecord): void {
    const given = members(body);
    const id = String(given.token_id ?? ids.request ?? seq);
    const expiresAt = typeof given.expires_at === "string" ? given.expires_at : undefined;
    const worker = typeof given.agent_name === "string" ? given.agent_name : to;
    put(this.#tokens, id, {
      ...{ id, protocol: "4runr" as const, name, status: "ok" as const },
      ...{ worker, since: mono, seq, expiresAt, calls: 0, refused: 0 },
    });
  }

  #fourRunr(record: CaptureRecord): void {
    const { op, status, ids = {}, to = "", code } = record;
    if (status === "ok" && op === "generateToken") this.#token(record);
    if (status === "ok" && POLICY_OPS.includes(op)) this.#policy(members(record.body));
    if (op !== "proxyRequest") return;
    const token = this.#tokens.get(ids.token ?? "");
    if (token !== undefined) {
      const isRefused = status === "denied" || status === "refused";
      put(this.#tokens, token.id, {
        ...{ ...token, calls: token.calls + 1, refused: token.refused + Number(isRefused) },
        ...(isRefused && { denial: denialOf(record) }),
      });
    }
    // Other refusals are about the token or the call, not about the policies of the agent.
    if (status === "ok" || code === "Policy denied") this.#decide("4runr", to, record);
  }

  /** A policy as the gateway returns it; a new one has its rules as text. */
  #policy({ id, name, agentId, role, spec }: Members): void {
    let rules: Members;
    try {
      rules = members(typeof spec === "string" ? JSON.parse(spec) : spec);
    } catch {
      return; // cut, or not of this gateway
    }
    const quotas = list(rules.quotas)
      .map(members)
      .map(({ action, limit, window }) => `${String(action)} ${String(limit)} per ${String(window)}`);
    const text = [...list(rules.scopes).map(String), ...quotas].join(", ");
    const known = this.#policyOf("4runr", typeof agentId === "string" ? agentId : `role ${String(role)}`);
    const all = { ...known.rules, [String(name ?? id)]: text };
    put(this.#policies, known.id, {
      ...known,
      rules: Object.fromEntries(Object.entries(all).slice(-DENIALS)),
    });
  }

  #policyOf(protocol: Protocol, name: string): PolicyState {
    const id = `${protocol} ${name}`;
    const unknown = { id, protocol, name, rules: {}, allowed: 0, denied: 0, denials: [] };
    return this.#policies.get(id) ?? unknown;
  }

  #decide(protocol: Protocol, name: string, record: CaptureRecord): void {
    const known = this.#policyOf(protocol, name);
    const { allowed, denied, denials } = known;
    const change =
      record.status === "denied"
        ? { denied: denied + 1, denials: [...denials, denialOf(record)].slice(-DENIALS_OF_POLICY) }
        : { allowed: allowed + 1 };
    put(this.#policies, known.id, { ...known, ...change });
  }
}

function denialOf(record: CaptureRecord): Denial {
  const { seq, at, protocol = "cap", from = "", to = "", name, op = "", code = "", reason } = record;
  return {
    seq,
    at,
    protocol,
    who: record.type === "response" ? to : from,
    name: name || op,
    why: reason ?? code,
  };
}

function put<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.set(key, value);
  if (map.size > KEPT) map.delete(map.keys().next().value!);
}
