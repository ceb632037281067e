/** What the handlers of the console work with. */
import type { Snapshot } from "../../../../gen/aureus/console/models.js";
import type { OperationId } from "../../../../gen/aureus/console/operations.js";
import type { operations } from "../../../../gen/aureus/console/types.js";
import type { Principal } from "../../../../gen/aureus/v1/index.js";
import type { EngineEvent, GoalGuard, WorkflowEngine } from "../../../aureus/engine/index.js";
import type { Clock } from "../../../core/clock.js";
import type { TelemetryStore } from "../telemetry-store.js";
import type { Deployments } from "./deployments.js";
import type { Registries } from "./registries.js";
import type { LocalUser } from "./users.js";

type Result<Id extends OperationId> = operations[Id]["responses"][200]["content"]["application/json"];
type Body<Id extends OperationId> =
  NonNullable<operations[Id]["requestBody"]> extends { content: { "application/json": infer B } }
    ? B
    : undefined;

/** A call that may be carried out. */
export interface ConsoleCall<Given = unknown> {
  /** The first parameter of the path, or "". */
  readonly id: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Has the required members; their types are not checked, as on the real server. */
  readonly body: Given;
  readonly user: LocalUser;
}

/** Handlers by operation. A response other than 200 is thrown as a refusal. */
export type ConsoleHandlers = {
  readonly [Id in OperationId]?: (
    call: ConsoleCall<Body<Id>>,
    state: ConsoleState,
  ) => Result<Id> | Promise<Result<Id>>;
};

/** What a console server holds. */
export class ConsoleState {
  /** Events that did not come from the engine, such as decisions of humans, by workflow id. */
  readonly #events = new Map<string, EngineEvent[]>();
  readonly snapshots: Snapshot[] = [];
  retentionDays = 90;

  constructor(
    readonly clock: Clock,
    readonly engine: WorkflowEngine,
    readonly guard: GoalGuard,
    /** On whose behalf tests run. */
    readonly principal: Principal,
    readonly telemetry: TelemetryStore,
    readonly deployments: Deployments,
    readonly registries: Registries,
  ) {}

  /** The time now, as the console writes it. */
  now(): string {
    return new Date(this.clock.now()).toISOString();
  }

  /** Adds an event under a workflow id, which need not be that of a workflow. */
  log(event: Omit<EngineEvent, "timestamp">): void {
    const events = this.#events.get(event.workflowId) ?? [];
    this.#events.set(event.workflowId, events);
    events.push({ timestamp: this.now(), ...event });
  }

  /** The events under a workflow id, oldest first. */
  eventsOf(workflowId: string): EngineEvent[] {
    const own = this.#events.get(workflowId) ?? [];
    return inOrder([...(this.engine.workflow(workflowId)?.events ?? []), ...own]);
  }

  /** All events, oldest first, within the `startDate` and `endDate` of a query. */
  events(query: URLSearchParams = new URLSearchParams()): EngineEvent[] {
    const [from = -Infinity, to = Infinity] = ["startDate", "endDate"].map((name) => {
      const text = query.get(name);
      return text ? Date.parse(text) : undefined;
    });
    const engine = this.engine.workflows().flatMap(({ events }) => events);
    const all = inOrder([...engine, ...[...this.#events.values()].flat()]);
    return all.filter(({ timestamp }) => Date.parse(timestamp) >= from && Date.parse(timestamp) <= to);
  }
}

function inOrder(events: EngineEvent[]): EngineEvent[] {
  return events.sort((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp));
}
