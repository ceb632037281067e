/** Credentials of tools, whose secrets are not kept, and faults asked for by route, which have no effect. */
import type { wire } from "../../../gen/4runr/index.js";
import { found, refusal } from "../http/refusal.js";
import { checkOuter } from "./body-checks.js";
import type { Gateway, Handlers, StoredCredential } from "./context.js";

/** Operations for administrators. */
export const adminHandlers = {
  async setCredential({ body }, gateway) {
    await checkOuter("setCredential", body);
    const { tool, version } = body as wire.components["schemas"]["NewCredential"];
    const id = gateway.ids("credential");
    const stored = { id, tool, version, isActive: false };
    gateway.credentials.set(id, { ...stored, createdAt: gateway.now() });
    return { message: "Credential created successfully", ...stored };
  },

  async activateCredential({ body }, gateway) {
    await checkOuter("activateCredential", body);
    const { credentials } = gateway;
    const chosen = found(credentials.get((body as { id: string }).id), notFound);
    const activatedAt = gateway.now();
    for (const other of ofTool(gateway, chosen.tool)) {
      if (other.isActive)
        credentials.set(other.id, { ...other, isActive: false, deactivatedAt: activatedAt });
    }
    credentials.set(chosen.id, { ...chosen, isActive: true, activatedAt });
    const { id, tool, version } = chosen;
    return { message: "Credential activated successfully", id, tool, version, isActive: true, activatedAt };
  },

  listCredentials: (_, { credentials }) => [...credentials.values()],

  getActiveCredential: ({ params }, gateway) =>
    found(
      ofTool(gateway, params.tool!).find(({ isActive }) => isActive),
      refusal(404, "No active credential found for tool"),
    ),

  listCredentialVersions: ({ params }, gateway) => ofTool(gateway, params.tool!),

  deleteCredential({ params }, { credentials }) {
    if (!credentials.delete(params.tool!)) throw notFound;
    return { message: "Credential deleted successfully" };
  },

  async setChaos({ body }, { chaosRoutes }) {
    await checkOuter("setChaos", body);
    const { tool, mode, pct } = body as wire.components["schemas"]["ChaosRequest"];
    chaosRoutes.set(tool, { mode, pct });
    return { message: "Chaos injected successfully", tool, mode, pct, activeChaos: [...chaosRoutes] };
  },

  getChaos: (_, { chaosRoutes }) => ({ activeChaos: [...chaosRoutes] }),

  clearChaos({ params }, { chaosRoutes }) {
    chaosRoutes.delete(params.tool!);
    return { message: "Chaos cleared successfully", tool: params.tool!, activeChaos: [...chaosRoutes] };
  },
} satisfies Handlers;

const notFound = refusal(404, "Credential not found");

function ofTool({ credentials }: Gateway, name: string): StoredCredential[] {
  return [...credentials.values()].filter(({ tool }) => tool === name);
}
