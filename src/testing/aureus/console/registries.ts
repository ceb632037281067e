/** Agents and world models on the console: registries that keep every version. */
import type { AgentRevision, WorldModelVersion } from "../../../../gen/aureus/console/models.js";
import { found, refusal } from "../../http/refusal.js";
import type { ConsoleHandlers, ConsoleState } from "./handlers.js";

/** Everything that is registered, oldest version first. */
export class Registries {
  readonly agents = new Map<string, AgentRevision[]>();
  readonly worldModels = new Map<string, WorldModelVersion[]>();
}

export const registryHandlers: ConsoleHandlers = {
  deployAgent({ body }, state) {
    const { blueprint, environment = "development", autoPromote = false, approvalRequired = true } = body;
    const { id: agentId, name: agentName, version = "1.0.0" } = blueprint;
    const deployedAt = state.now();
    const pending = { status: "pending" } as const;
    return {
      deploymentId: `agent-deployment-${agentId}-${state.clock.now()}`,
      ...{ agentId, agentName, version, environment, autoPromote, approvalRequired, deployedAt },
      status: approvalRequired ? "pending_approval" : "staging",
      stages: {
        register: { status: "completed", timestamp: deployedAt, message: "Agent registered" },
        stage: approvalRequired ? pending : { status: "completed", timestamp: deployedAt },
        promote: pending,
      },
    };
  },
  registerAgent({ body: { blueprint, changeDescription, tags }, user }, state) {
    const change = { ...(changeDescription && { changeDescription }), ...(tags && { tags }) };
    return revise(state, blueprint, { ...change, author: user.username });
  },
  listAgents: (_, { registries }) => [...registries.agents.keys()],
  listAgentVersions({ id, query }, { registries }) {
    const offset = Number(query.get("offset") ?? 0);
    const newest = (registries.agents.get(id) ?? []).toReversed();
    return newest.slice(offset, offset + Number(query.get("limit") ?? newest.length));
  },
  getAgentVersion: ({ id, params }, state) => revision(state, id, params.version!),
  rollbackAgent({ id, body: { targetVersion, reason }, user }, state) {
    const { blueprint } = revision(state, id, targetVersion);
    const changeDescription = `Rollback to version ${targetVersion}${reason ? `: ${reason}` : ""}`;
    return revise(state, blueprint!, { changeDescription, author: user.username });
  },
  diffAgentVersions({ id, query }, state) {
    const [before, after] = ["versionA", "versionB"].map(
      (name) => revision(state, id, query.get(name) ?? "").blueprint,
    );
    return difference(before!, after!);
  },
  listWorldModels: (_, { registries }) =>
    [...registries.worldModels].map(([id, versions]) => {
      const { value: spec, version, timestamp } = versions.at(-1)!;
      return { id, ...(spec && { spec }), ...(version && { version }), ...(timestamp && { timestamp }) };
    }),
  createWorldModel({ body: spec }, state) {
    const { id } = spec;
    const versions = state.registries.worldModels.get(id) ?? [];
    state.registries.worldModels.set(id, versions);
    const [version, timestamp] = [versions.length + 1, state.now()];
    versions.push({ key: id, value: spec, version, timestamp });
    return { success: true, id, version, timestamp };
  },
  getWorldModel: ({ id }, state) => modelVersions(state, id).at(-1)!.value!,
  deleteWorldModel({ id, body: { version } }, state) {
    const versions = modelVersions(state, id);
    const kept = versions.filter((item) => item.version !== version);
    if (kept.length === versions.length) throw refusal(404, "World model not found");
    if (kept.length > 0) state.registries.worldModels.set(id, kept);
    else state.registries.worldModels.delete(id);
    return { message: "World model deleted", success: true };
  },
  listWorldModelVersions: ({ id }, state) => modelVersions(state, id),
};

type Blueprint = NonNullable<AgentRevision["blueprint"]>;

function revise(state: ConsoleState, blueprint: Blueprint, change: Partial<AgentRevision>): AgentRevision {
  const { agents } = state.registries;
  const known = agents.get(blueprint.id) ?? [];
  const previous = known.at(-1);
  const made: AgentRevision = {
    agentId: blueprint.id,
    version: String(known.length + 1),
    blueprint,
    timestamp: state.now(),
    ...change,
    ...(previous?.version && {
      previousVersion: previous.version,
      diff: difference(previous.blueprint!, blueprint),
    }),
  };
  agents.set(blueprint.id, [...known, made]);
  return made;
}

function revision({ registries }: ConsoleState, id: string, version: string): AgentRevision {
  const known = registries.agents.get(id) ?? [];
  const wanted = version === "latest" ? known.at(-1) : known.find((item) => item.version === version);
  return found(wanted, refusal(404, "Agent version not found"));
}

function modelVersions({ registries }: ConsoleState, id: string): WorldModelVersion[] {
  return found(registries.worldModels.get(id), refusal(404, "World model not found"));
}

/** What differs, by path. */
function difference(before: object, after: object) {
  const [old, fresh] = [new Map(members(before)), new Map(members(after))];
  const modified = [...old].flatMap(([path, value]) =>
    fresh.has(path) && fresh.get(path) !== value ? [[path, { old: value, new: fresh.get(path) }]] : [],
  );
  return {
    added: Object.fromEntries([...fresh].filter(([path]) => !old.has(path))),
    modified: Object.fromEntries(modified),
    removed: Object.fromEntries([...old].filter(([path]) => !fresh.has(path))),
  };
}

/** Members of an object and of those in it; lists as JSON texts. */
function members(value: object, prefix = ""): [path: string, value: unknown][] {
  return Object.entries(value).flatMap(([name, member]: [string, unknown]) => {
    if (Array.isArray(member)) return [[prefix + name, JSON.stringify(member)]];
    if (typeof member === "object" && member !== null) return members(member, `${prefix}${name}.`);
    return [[prefix + name, member]];
  });
}
