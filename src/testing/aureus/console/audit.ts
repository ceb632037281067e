/** Compliance and DevOps on the console: views of events and deployments. */
import type { Deployment, DevopsAuditEntry } from "../../../../gen/aureus/console/models.js";
import { refusal } from "../../http/refusal.js";
import type { ConsoleCall, ConsoleHandlers, ConsoleState } from "./handlers.js";
import type { CrvGateResult } from "./views.js";

const DAY_MS = 86_400_000;

export const auditHandlers: ConsoleHandlers = {
  exportAudit({ user, query }, state) {
    const tenantId = tenantOf(user, "audit export");
    const events = state.events(query).map((event) => ({ ...event, tenantId }));
    return { ...given(query), tenantId, exportedAt: state.now(), eventCount: events.length, events };
  },
  getRetentionStatus({ user }, state) {
    const tenantId = tenantOf(user, "retention status");
    const events = state.events();
    const [oldest, newest] = [events[0]?.timestamp, events.at(-1)?.timestamp];
    const range = { ...(oldest && { oldestEvent: oldest }), ...(newest && { newestEvent: newest }) };
    return { tenantId, totalEvents: events.length, ...range, retentionPolicy: { days: state.retentionDays } };
  },
  applyRetention({ user, body: { retentionDays } }, state) {
    const tenantId = tenantOf(user, "retention policy");
    state.retentionDays = retentionDays;
    const cutoffDate = new Date(state.clock.now() - retentionDays * DAY_MS).toISOString();
    const events = state.events();
    const eventsKept = events.filter(({ timestamp }) => timestamp >= cutoffDate).length;
    const counts = { eventsKept, eventsArchived: events.length - eventsKept };
    return {
      message: "Retention policy applied",
      result: { tenantId, retentionDays, cutoffDate, ...counts },
    };
  },
  getDevopsGateStatus({ query }, state) {
    const id = query.get("workflowId");
    return (id ? state.eventsOf(id) : state.events()).flatMap(({ metadata, timestamp: lastCheck }) => {
      const result = metadata?.crvGateResult as CrvGateResult | undefined;
      if (result === undefined) return [];
      const { passed, gateName } = result;
      return [{ gateName, status: passed ? ("passed" as const) : ("failed" as const), lastCheck }];
    });
  },
  getDevopsIncidents(_, { engine }) {
    const incidents = engine.workflows().flatMap(({ workflowId, status, startedAt, error }) => {
      if (status !== "failed") return [];
      const facts = {
        severity: "high" as const,
        status: "active" as const,
        title: error ?? "Workflow failed",
      };
      const at = { startedAt: new Date(startedAt).toISOString(), affectedComponents: [workflowId] };
      return [{ id: `incident-${workflowId}`, ...facts, workflowId, ...at }];
    });
    const { length } = incidents;
    return { total: length, active: length, resolved: 0, critical: 0, incidents: incidents.slice(0, 10) };
  },
  getDevopsReleaseHealth(_, { deployments }) {
    const all = [...deployments.all.values()];
    const [successful, failed] = [
      count(all, ["deployed"]),
      count(all, ["failed", "rejected", "rolled_back"]),
    ];
    const counts = { total: all.length, successful, failed, pending: all.length - successful - failed };
    const overallStatus = all.length === 0 ? "unknown" : failed === 0 ? "healthy" : "degraded";
    const recentDeployments = all.slice(-10).map((item) => {
      const { id, environment, status, versionId, deployedAt } = item;
      return { id, environment, status, version: versionId, ...(deployedAt && { deployedAt }) };
    });
    const ended = successful + failed || 1;
    const metrics = { successRate: successful / ended, changeFailureRate: failed / ended };
    return { overallStatus, deployments: counts, metrics, recentDeployments };
  },
  getDevopsPipelines: (_, { deployments }) =>
    [...deployments.all.values()].map((deployment) => {
      const { id, environment, versionId, status } = deployment;
      const overallStatus = statusOf(deployment);
      const stages = [{ name: environment, status: overallStatus }];
      const workflowId = deployments.workflowOf(deployment);
      return { id, name: id, workflowId, version: versionId, stages, currentStage: status, overallStatus };
    }),
  getDevopsAuditTrail({ query }, state) {
    const events = deploymentEvents(query, state);
    return { events, count: events.length, filters: given(query) };
  },
  exportDevopsAudit({ query, user }, state) {
    const events = deploymentEvents(query, state).map((event): DevopsAuditEntry => {
      const { timestamp, type: eventType, workflowId, data } = event;
      return { timestamp, eventType, action: eventType, workflowId, ...(data as object) };
    });
    const head = { exportedAt: state.now(), tenantId: user.tenantId ?? "all", ...given(query) };
    return { ...head, eventCount: events.length, events };
  },
};

/** A local server has one tenant: that of whoever asks. */
function tenantOf({ tenantId }: ConsoleCall["user"], what: string): string {
  if (tenantId === undefined) throw refusal(400, `Tenant ID is required for ${what}`);
  return tenantId;
}

function given(query: URLSearchParams): Record<string, string> {
  return Object.fromEntries(query);
}

/** Newest first. */
function deploymentEvents(query: URLSearchParams, state: ConsoleState) {
  const type = query.get("actionType");
  const ours = state.events(query).filter((event) => event.type.startsWith("DEPLOYMENT_"));
  return ours.filter((event) => !type || event.type === type).toReversed();
}

function count(all: readonly Deployment[], states: readonly Deployment["status"][]): number {
  return all.filter(({ status }) => states.includes(status)).length;
}

function statusOf({ status }: Deployment): "pending" | "passed" | "failed" | "blocked" {
  if (status === "deployed") return "passed";
  return status === "failed" ? "failed" : status === "rejected" ? "blocked" : "pending";
}
