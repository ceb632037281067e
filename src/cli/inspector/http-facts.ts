/** What an exchange over HTTP is about: operation, name, peers, ids and verdict, for each of the three protocols. */
import type { Observation, Protocol, Status } from "./record.js";
import type { Beside } from "./recorder.js";

export type HttpProtocol = Exclude<Protocol, "cap">;

/** A request. */
export interface Seen {
  /** Operation id. */
  readonly op: string | undefined;
  /** Path and query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** What came back for it, or one event of the stream that did. */
export interface Came {
  readonly answer?: {
    readonly http: number | undefined;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: unknown;
  };
  readonly event?: unknown;
}

/** What is found. */
export type Facts = Pick<
  Observation,
  | "from"
  | "to"
  | "op"
  | "kind"
  | "name"
  | "ids"
  | "status"
  | "code"
  | "reason"
  | "policy"
  | "lease"
  | "attempt"
> & { readonly beside?: Beside | undefined };

const PEERS: Readonly<Record<HttpProtocol, string>> = {
  neuron: "gateway",
  aureus: "aureus",
  "4runr": "gateway",
};
const MAX_KNOWN = 20_000;

type Members = Readonly<Record<string, unknown>>;

const members = (value: unknown): Members =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Members) : {};
const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

function endOf(http: number | undefined, body: Members): Partial<Facts> {
  const status: Status =
    http === undefined || http >= 500
      ? "failed"
      : http === 401 || http === 403
        ? "denied"
        : http >= 400
          ? "refused"
          : "ok";
  if (status === "ok") return { status: body.success === false ? "failed" : "ok" };
  const why = text(body.reason) ?? text(body.message) ?? text(body.details) ?? text(body.error);
  const code = text(body.code) ?? (http === 429 ? "RATE_LIMIT" : text(body.error));
  return { status, code, reason: why, ...(status === "denied" && { policy: { allowed: false, rule: why } }) };
}

/** Reads the exchanges of one server; remembers leases and the agents of tokens, so that what follows has a name. */
export class HttpFacts {
  readonly #protocol: HttpProtocol;
  readonly #leases = new Map<string, Pick<Facts, "from" | "name" | "ids">>();
  /** Agents and ids of tokens, by the token, which is never shown. */
  readonly #tokens = new Map<string, { readonly agent: string; readonly id: string | undefined }>();

  constructor(protocol: HttpProtocol) {
    this.#protocol = protocol;
  }

  /** How the server is called. */
  get peer(): string {
    return PEERS[this.#protocol];
  }

  /** The facts of a request; with `came`, those of its response, or of an event. */
  of(seen: Seen, came: Came = {}): Facts {
    const [path = "", query = ""] = seen.url.split("?");
    const about = this.#about(members(seen.body), path, query, came);
    const { answer } = came;
    const trace = /^\w{2}-(\w{32})-/.exec(seen.headers.traceparent ?? "")?.[1];
    const correlation = answer?.headers["x-correlation-id"] ?? seen.headers["x-correlation-id"];
    const ids = { trace, request: correlation ?? seen.headers["x-request-id"], ...about.ids };
    const back = answer !== undefined || came.event !== undefined;
    const [from, to] = [about.from ?? "client", this.peer];
    return {
      op: seen.op,
      ...about,
      ...(back ? { from: to, to: from } : { from, to }),
      ...(answer !== undefined && { ...endOf(answer.http, members(answer.body)), ...stated(about) }),
      ids,
    };
  }

  #about(body: Members, path: string, query: string, came: Came): Facts {
    if (this.#protocol === "neuron") return this.#neuron(body, query, came);
    return this.#protocol === "aureus" ? aureus(body, path, came) : this.#fourRunr(body, path, came);
  }

  #neuron(body: Members, query: string, { event, answer }: Came): Facts {
    const neuron = text(body.neuronId) ?? new URLSearchParams(query).get("neuronId") ?? undefined;
    if (event !== undefined) return this.#frame(members(event), neuron);
    const id = text(body.leaseId);
    const known = id === undefined ? undefined : this.#leases.get(id);
    const isNack = body.type === "nack";
    return {
      from: neuron ?? known?.from,
      kind: text(body.type),
      name: known?.name ?? text(members(body.capability).type) ?? typesOf(body.capabilities),
      ...(isNack && { code: text(body.code) ?? text(body.kind), reason: text(body.reason) }),
      ...(isNack && { status: body.kind === "cancelled" ? "cancelled" : "failed" }),
      ids: { ...known?.ids, lease: id },
      ...(id !== undefined && answer === undefined && { beside: { answers: `lease:${id}` } }),
    };
  }

  #frame(frame: Members, neuron: string | undefined): Facts {
    const lease = members(frame.lease);
    const task = members(lease.task);
    const id = text(lease.leaseId) ?? text(frame.leaseId);
    const known = id === undefined ? undefined : this.#leases.get(id);
    const name =
      text(task.capability) ?? text(frame.capability) ?? typesOf(frame.capabilities) ?? known?.name;
    const own = { lease: id, task: text(task.taskId), workflow: text(task.workflowId) };
    const about = { from: neuron, kind: text(frame.type), name, ids: known?.ids ?? own };
    if (frame.type === "cancel") {
      const beside = { answers: `lease:${id}` };
      return { ...about, status: "cancelled", reason: text(frame.reason), beside };
    }
    if (frame.type !== "lease" || id === undefined) return about;
    remember(this.#leases, id, { from: neuron, name, ids: own });
    const { attempt } = task;
    return {
      ...about,
      status: "pending",
      ...(typeof attempt === "number" && { attempt }),
      ...(typeof lease.expiresAt === "string" && {
        lease: {
          expiresAt: lease.expiresAt,
          ttlMs: Date.parse(lease.expiresAt) - Date.parse(String(frame.sentAt)),
        },
      }),
      beside: { opens: `lease:${id}` },
    };
  }

  #fourRunr(body: Members, path: string, { answer }: Came): Facts {
    const { tool, action, tools, agent_id: agent, agent_token: token } = body;
    const named =
      typeof tool === "string" ? `${tool}${typeof action === "string" ? `:${action}` : ""}` : undefined;
    const made = members(answer?.body);
    const id = text(body.token_id) ?? text(made.token_id);
    if (typeof made.agent_token === "string" && typeof agent === "string") {
      remember(this.#tokens, made.agent_token, { agent, id });
    }
    const known = typeof token === "string" ? this.#tokens.get(token) : undefined;
    return {
      from: text(agent) ?? known?.agent,
      name: named ?? (Array.isArray(tools) ? tools.join(", ") : text(body.name)),
      ids: { token: id ?? known?.id, job: /\/jobs\/([^/]+)/.exec(path)?.[1] },
    };
  }
}

function aureus(body: Members, path: string, { answer }: Came): Facts {
  const [spec, action, gate] = [body.workflow, body.action, body.gate].map(members) as [
    Members,
    Members,
    Members,
  ];
  const came = members(answer?.body);
  const denied = came.allowed === false || came.passed === false;
  const rule = text(came.reason) ?? text(came.remediation) ?? text(came.gate_name);
  const inPath = /\/workflows\/([^/]+)/.exec(path)?.[1];
  const own = Array.isArray(body.tasks) ? text(body.id) : undefined;
  return {
    from: text(members(body.principal).id) ?? text(body.username),
    name: text(action.name) ?? text(body.name) ?? text(spec.name) ?? text(gate.name),
    ids: {
      workflow: (inPath === "execute" ? undefined : inPath) ?? text(spec.id) ?? own,
      task: text(body.taskId),
      action: text(action.id) ?? text(members(body.commit).id),
    },
    ...((denied || came.allowed === true) && { policy: { allowed: !denied, rule } }),
    ...(denied && { status: "denied", reason: rule }),
  };
}

/** A verdict in the body counts for more than the status of the response. */
const stated = ({ status, reason }: Facts): Partial<Facts> =>
  status === undefined ? {} : { status, ...(reason !== undefined && { reason }) };

function typesOf(list: unknown): string | undefined {
  if (!Array.isArray(list)) return undefined;
  const types = list.map((item) => text(members(item).type)).filter((type) => type !== undefined);
  return types.join(", ") || undefined;
}

function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.set(key, value);
  if (map.size > MAX_KNOWN) map.delete(map.keys().next().value!);
}
