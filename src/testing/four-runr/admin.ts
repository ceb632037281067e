/** Credentials of tools, whose secrets are not kept, and faults asked for by route, which have no effect. */
import type { wire } from "../../../gen/4runr/index.js";
import { answer, refused } from "./answer.js";
import { checkOuter } from "./body-checks.js";
import { type GatewayContext, type Handlers, timestamp } from "./context.js";
import type { StoredCredential } from "./store.js";

/** Operations for administrators. */
export const adminHandlers = {
  async setCredential({ body }, gateway) {
    const broken = await checkOuter("setCredential", body);
    if (broken) return broken;
    const { tool, version } = body as wire.components["schemas"]["NewCredential"];
    const id = gateway.ids("credential");
    const stored = { id, tool, version, isActive: false };
    gateway.store.credentials.set(id, { ...stored, createdAt: timestamp(gateway) });
    return answer(201, { message: "Credential created successfully", ...stored });
  },

  async activateCredential({ body }, gateway) {
    const broken = await checkOuter("activateCredential", body);
    if (broken) return broken;
    const chosen = gateway.store.credentials.get((body as { id: string }).id);
    if (chosen === undefined) return refused(404, "Credential not found");
    const activatedAt = timestamp(gateway);
    for (const other of ofTool(gateway, chosen.tool)) {
      if (other.isActive) {
        gateway.store.credentials.set(other.id, { ...other, isActive: false, deactivatedAt: activatedAt });
      }
    }
    gateway.store.credentials.set(chosen.id, { ...chosen, isActive: true, activatedAt });
    const { id, tool, version } = chosen;
    return answer(200, {
      message: "Credential activated successfully",
      id,
      tool,
      version,
      isActive: true,
      activatedAt,
    });
  },

  listCredentials: (_, { store }) => answer(200, [...store.credentials.values()]),

  getActiveCredential({ params }, gateway) {
    const active = ofTool(gateway, params.tool!).find(({ isActive }) => isActive);
    return active ? answer(200, active) : refused(404, "No active credential found for tool");
  },

  listCredentialVersions: ({ params }, gateway) => answer(200, ofTool(gateway, params.tool!)),

  deleteCredential({ params }, { store }) {
    if (!store.credentials.delete(params.tool!)) return refused(404, "Credential not found");
    return answer(200, { message: "Credential deleted successfully" });
  },

  async setChaos({ body }, { store }) {
    const broken = await checkOuter("setChaos", body);
    if (broken) return broken;
    const { tool, mode, pct } = body as wire.components["schemas"]["ChaosRequest"];
    store.chaos.set(tool, { mode, pct });
    return answer(200, {
      message: "Chaos injected successfully",
      tool,
      mode,
      pct,
      activeChaos: [...store.chaos],
    });
  },

  getChaos: (_, { store }) => answer(200, { activeChaos: [...store.chaos] }),

  clearChaos({ params }, { store }) {
    const tool = params.tool!;
    store.chaos.delete(tool);
    return answer(200, { message: "Chaos cleared successfully", tool, activeChaos: [...store.chaos] });
  },
} satisfies Handlers;

function ofTool({ store }: GatewayContext, name: string): StoredCredential[] {
  return [...store.credentials.values()].filter(({ tool }) => tool === name);
}
