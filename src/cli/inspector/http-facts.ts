/** What an exchange over HTTP is about: operation, name, peers, ids and verdict, for each of the three protocols. */
import { operationTable as fourRunrTable } from "../../../gen/4runr/index.js";
import { operationTable as consoleTable } from "../../../gen/aureus/console/operations.js";
import { operationTable as v1Table } from "../../../gen/aureus/v1/index.js";
import { operationTable as neuronTable } from "../../../gen/neuron/index.js";
import type { Observation, Protocol, Status } from "./record.js";

export type HttpProtocol = Exclude<Protocol, "cap">;

/** A request. */
export interface Seen {
  readonly method: string;
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

/** What {@link factsOf} finds. `opens` and `answers` as for the recorder. */
export type Facts = Pick<
  Observation,
  "from" | "to" | "op" | "kind" | "name" | "ids" | "status" | "code" | "reason" | "policy" | "lease" | "attempt"
> & { readonly opens?: string | undefined; readonly answers?: string | undefined };

type Table = Readonly<Record<string, { readonly method: string; readonly path: string }>>;

/** Operations as patterns, those without parameters first. */
const patternsOf = (...tables: readonly Table[]) =>
  tables
    .flatMap((table) => Object.entries(table))
    .map(([op, { method, path }]) => ({
      ...{ op, method, parameters: path.split("{").length },
      pattern: new RegExp(`^${path.replace(/\{(\w+)\}/g, "(?<$1>[^/]+)")}/?$`),
    }))
    .sort((a, b) => a.parameters - b.parameters);

const ROUTES = {
  neuron: patternsOf(neuronTable),
  aureus: patternsOf(v1Table, consoleTable),
  "4runr": patternsOf(fourRunrTable),
};
const PEERS: Readonly<Record<HttpProtocol, string>> = { neuron: "gateway", aureus: "aureus", "4runr": "gateway" };

/** The facts of a request; with `came`, those of its response, or of an event. */
export function factsOf(protocol: HttpProtocol, seen: Seen, came: Came = {}): Facts {
  const [path = "", query = ""] = seen.url.split("?");
  const route = ROUTES[protocol].find(({ method, pattern }) => method === seen.method && pattern.test(path));
  const params = route?.pattern.exec(path)?.groups ?? {};
  const about = { op: route?.op, ...ABOUT[protocol](members(seen.body), params, query, came) };
  const { headers = {}, http } = came.answer ?? {};
  const trace = /^\w{2}-(\w{32})-/.exec(seen.headers.traceparent ?? "")?.[1];
  const request = headers["x-correlation-id"] ?? seen.headers["x-correlation-id"] ?? seen.headers["x-request-id"];
  const ids = { trace, request, ...about.ids };
  const ends = came.answer === undefined ? {} : endOf(http, members(came.answer.body));
  const back = came.answer !== undefined || came.event !== undefined;
  const peers = { from: about.from ?? "client", to: PEERS[protocol] };
  return {
    ...about,
    ...(back ? { from: peers.to, to: peers.from } : peers),
    ...ends,
    ...(came.answer !== undefined && about.status !== undefined && { status: about.status }),
    ids,
  };
}

type Members = Readonly<Record<string, unknown>>;

const members = (value: unknown): Members =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Members) : {};
const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

function endOf(http: number | undefined, body: Members): Partial<Facts> {
  const status: Status =
    http === undefined || http >= 500 ? "failed" : http === 401 || http === 403 ? "denied" : http >= 400 ? "refused" : "ok";
  if (status === "ok") return { status: body.success === false ? "failed" : "ok" };
  const why = text(body.reason) ?? text(body.message) ?? text(body.details) ?? text(body.error);
  const code = text(body.code) ?? (http === 429 ? "RATE_LIMIT" : text(body.error));
  return { status, code, reason: why, ...(status === "denied" && { policy: { allowed: false, rule: why } }) };
}

type About = (body: Members, params: Readonly<Record<string, string>>, query: string, came: Came) => Facts;

/** Leases by id, so that what answers them has a name. Bounded by {@link MAX_LEASES}. */
const leases = new Map<string, { readonly neuron: string | undefined; readonly name: string; readonly ids: Facts["ids"] }>();
const MAX_LEASES = 20_000;
/** Agents by the token that was made for them; never shown. */
const agents = new Map<string, string>();

const ABOUT: Readonly<Record<HttpProtocol, About>> = {
  neuron(body, _params, query, { event, answer }) {
    const neuron = text(body.neuronId) ?? new URLSearchParams(query).get("neuronId") ?? undefined;
    if (event !== undefined) return neuronEvent(members(event), neuron);
    const id = text(body.leaseId);
    const known = id === undefined ? undefined : leases.get(id);
    const failed = body.type === "nack" && answer === undefined;
    return {
      from: neuron ?? known?.neuron,
      kind: text(body.type),
      name: known?.name ?? text(members(body.capability).type) ?? capabilitiesOf(body.capabilities),
      ...(failed && { code: text(body.code) ?? text(body.kind), reason: text(body.reason) }),
      ...(body.type === "nack" && { status: body.kind === "cancelled" ? "cancelled" : "failed" }),
      ids: { ...known?.ids, lease: id },
      answers: id === undefined || answer !== undefined ? undefined : `lease:${id}`,
    };
  },
  aureus(body, params, _query, { answer }) {
    const { id, name, workflow, action, commit, gate, principal, taskId } = body;
    const spec = members(workflow);
    const came = members(answer?.body);
    const denied = came.allowed === false || came.passed === false;
    const rule = text(came.reason) ?? text(came.remediation) ?? text(came.gate_name);
    return {
      from: text(members(principal).id) ?? text(body.username),
      name:
        text(members(action).tool) ?? text(members(action).name) ?? text(name) ?? text(spec.name) ?? text(members(gate).name),
      ids: {
        workflow: params.workflow_id ?? text(spec.id) ?? (Array.isArray(body.tasks) ? text(id) : undefined),
        task: text(taskId) ?? params.task_id,
        action: text(members(action).id) ?? text(members(commit).id),
      },
      ...((denied || came.allowed === true) && { policy: { allowed: !denied, rule } }),
      ...(denied && { status: "denied", reason: rule }),
    };
  },
  "4runr"(body, params, _query, { answer }) {
    const { tool, action, agent_id: agent, agent_token: token } = body;
    const made = text(members(answer?.body).agent_token);
    if (made !== undefined && typeof agent === "string" && agents.size < MAX_LEASES) agents.set(made, agent);
    return {
      from: text(agent) ?? (typeof token === "string" ? agents.get(token) : undefined) ?? params.agent_id,
      name: typeof tool === "string" ? `${tool}${typeof action === "string" ? `:${action}` : ""}` : text(body.name),
      ids: { token: text(body.token_id), job: params.job_id },
    };
  },
};

function neuronEvent(frame: Members, neuron: string | undefined): Facts {
  const lease = members(frame.lease);
  const task = members(lease.task);
  const id = text(lease.leaseId) ?? text(frame.leaseId);
  const ids = { lease: id, task: text(task.taskId), workflow: text(task.workflowId) };
  const name = text(task.capability) ?? text(task.type) ?? text(frame.capability) ?? capabilitiesOf(frame.capabilities);
  if (frame.type === "lease" && id !== undefined) {
    leases.set(id, { neuron, name: name ?? "", ids });
    if (leases.size > MAX_LEASES) leases.delete(leases.keys().next().value!);
  }
  const known = id === undefined ? undefined : leases.get(id);
  return {
    from: neuron,
    kind: text(frame.type),
    name: name ?? known?.name,
    ids: { ...known?.ids, ...ids },
    ...(frame.type === "lease" && {
      status: "pending",
      attempt: typeof task.attempt === "number" ? task.attempt : undefined,
      lease: typeof lease.expiresAt === "string" ? { expiresAt: lease.expiresAt } : undefined,
      opens: `lease:${id}`,
    }),
    ...(frame.type === "cancel" && { status: "cancelled", reason: text(frame.reason), answers: `lease:${id}` }),
  };
}

function capabilitiesOf(list: unknown): string | undefined {
  if (!Array.isArray(list)) return undefined;
  return list.map((item) => text(members(item).type)).filter((type) => type !== undefined).join(", ");
}
