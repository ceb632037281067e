/** Monitoring on the console: what the engine did and what was reported over V1, as events and as figures. */
import type { TelemetryEvent, WorkflowEvent } from "../../../../gen/aureus/console/models.js";
import { keyMap } from "../../../../gen/aureus/v1/index.js";
import { fromWire } from "../../../core/keys.js";
import type { ConsoleHandlers, ConsoleState } from "./handlers.js";
import type { CrvGateResult, PolicyDecision } from "./views.js";

export const monitoringHandlers: ConsoleHandlers = {
  getMonitoringEvents({ query }, state) {
    const [from, to] = [query.get("startTime"), query.get("endTime")];
    const all = telemetry(state);
    // On the real server too, a range takes the place of the other filters.
    if (from && to) return all.filter((event) => isWithin(event, Date.parse(from), Date.parse(to)));
    const [type, workflowId] = [query.get("type"), query.get("workflowId")];
    return all.filter(
      (event) => (!type || event.type === type) && (!workflowId || event.workflowId === workflowId),
    );
  },
  getMonitoringMetrics({ query }, state) {
    const end = state.clock.now();
    const range = Number(query.get("timeRange")) || end;
    const events = telemetry(state).filter((event) => isWithin(event, end - range, end));
    const ends = events.filter(({ type }) => type === "step_end");
    const successes = ends.filter(isSuccess);
    const checks = events.filter(({ type }) => type === "policy_check");
    const escalations = checks.filter(({ data }) => Reflect.get(data, "requiresHumanApproval") === true);
    const types = [...new Set(ends.flatMap(({ taskType }) => taskType ?? []))];
    const rates = types.map((type) => {
      const ofType = ends.filter(({ taskType }) => taskType === type);
      return [type, ofType.filter(isSuccess).length / ofType.length];
    });
    const iso = (ms: number): string => new Date(ms).toISOString();
    return {
      taskSuccessRateByType: Object.fromEntries(rates),
      mttr: meanRecovery(ends),
      humanEscalationRate: escalations.length / (checks.length || 1),
      costPerSuccess: (ends.length - successes.length) / (successes.length || 1),
      totalEvents: events.length,
      timeRange: { start: iso(end - range), end: iso(end) },
    };
  },
};

function isWithin({ timestamp }: TelemetryEvent, from: number, to: number): boolean {
  return Date.parse(timestamp) >= from && Date.parse(timestamp) <= to;
}

function isSuccess({ data }: TelemetryEvent): boolean {
  return Reflect.get(data, "success") === true;
}

/** Mean time from a failure of a task to its next success, in milliseconds. */
function meanRecovery(ends: readonly TelemetryEvent[]): number {
  const times = ends.flatMap((failure, at) => {
    if (isSuccess(failure)) return [];
    const next = ends
      .slice(at)
      .find(
        (event) =>
          isSuccess(event) && event.taskId === failure.taskId && event.workflowId === failure.workflowId,
      );
    return next === undefined ? [] : [Date.parse(next.timestamp) - Date.parse(failure.timestamp)];
  });
  return times.reduce((sum, time) => sum + time, 0) / (times.length || 1);
}

function telemetry(state: ConsoleState): TelemetryEvent[] {
  const engine = state.engine.workflows().flatMap(({ events, spec, correlationId }) => {
    const tasks = new Map(spec.tasks.map((task) => [task.id, task]));
    return events.flatMap((event) => {
      const told = ofEngine(event, tasks.get(event.taskId ?? ""));
      return told === undefined ? [] : [{ ...told, ...(correlationId !== undefined && { correlationId }) }];
    });
  });
  const reported = state.telemetry.events.map((event) => fromWire(event, "TelemetryEvent", keyMap));
  return [...engine, ...(reported as TelemetryEvent[])];
}

/** An event of the engine as its telemetry tells it; undefined for those that it leaves out. */
function ofEngine(
  { type, timestamp, workflowId, taskId, metadata = {} }: WorkflowEvent,
  task: { readonly type: string; readonly riskTier?: string | null | undefined } | undefined,
): TelemetryEvent | undefined {
  const event = { timestamp, workflowId, ...(taskId !== undefined && { taskId }) };
  const ofTask = { ...event, ...(task !== undefined && { taskType: task.type }) };
  const { attempt, duration, error } = metadata;
  const policyDecision = metadata.policyDecision as PolicyDecision | undefined;
  const crvGateResult = metadata.crvGateResult as CrvGateResult | undefined;
  switch (type) {
    case "TASK_STARTED":
      return {
        ...ofTask,
        type: "step_start",
        data: { attempt, ...(task?.riskTier && { riskTier: task.riskTier }) },
      };
    case "TASK_COMPLETED":
      return { ...ofTask, type: "step_end", data: { duration, success: true } };
    case "TASK_FAILED":
    case "TASK_TIMEOUT":
      if (metadata.policyBlocked || metadata.crvBlocked) return undefined;
      return { ...ofTask, type: "step_end", data: { error, success: false } };
    case "STATE_UPDATED":
      if (policyDecision !== undefined) {
        const { allowed, reason, requiresHumanApproval } = policyDecision;
        return { ...event, type: "policy_check", data: { allowed, reason, requiresHumanApproval } };
      }
      if (crvGateResult === undefined) return undefined;
      return {
        ...event,
        type: "crv_result",
        data: {
          blocked: crvGateResult.blockedCommit,
          gateName: crvGateResult.gateName,
          passed: crvGateResult.passed,
        },
      };
    default:
      return undefined;
  }
}
