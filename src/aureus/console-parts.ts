/** The parts of the console client that are not about workflows. */
import type {
  ApproveDeploymentRequest,
  CanPromote,
  CreateDeploymentRequest,
  CreateVersionRequest,
  Deployment,
  DeploymentHealthStatus,
  DeploymentOverview,
  DeploymentTest,
  DeploymentTestResult,
  GateCheck,
  GateChecksRequest,
  MonitoringMetrics,
  TelemetryEvent,
  WorkflowVersion,
} from "../../gen/aureus/console/models.js";
import type { ConsoleWire } from "./console-wire.js";
import type { CallOptions } from "./v1-wire.js";

/** Deployments: versions, tests, approval, completion, gates. Routes that are broken in every server are left to `call`. */
export class ConsoleDeployments {
  readonly #wire: ConsoleWire;

  constructor(wire: ConsoleWire) {
    this.#wire = wire;
  }

  /** Registers a version of a workflow. */
  createVersion(version: CreateVersionRequest, options: CallOptions = {}): Promise<WorkflowVersion> {
    return this.#wire.call("createVersion", { ...options, body: version });
  }

  /** Creates a deployment of a version. An unknown version is an UpstreamError: the server answers 500. */
  create(deployment: CreateDeploymentRequest, options: CallOptions = {}): Promise<Deployment> {
    return this.#wire.call("createDeployment", { ...options, body: deployment });
  }

  list(options: CallOptions = {}): Promise<DeploymentOverview[]> {
    return this.#wire.call("listDeployments", { ...options });
  }

  get(id: string, options: CallOptions = {}): Promise<Deployment> {
    return this.#wire.call("getDeployment", { ...options, path: { id } });
  }

  /** The deployment with its health; the figures of the health are made up by the server. */
  status(id: string, options: CallOptions = {}): Promise<DeploymentHealthStatus> {
    return this.#wire.call("getDeploymentStatus", { ...options, path: { id } });
  }

  /** Runs tests. The server does not really run them: all pass. */
  runTests(id: string, tests: DeploymentTest[], options: CallOptions = {}): Promise<DeploymentTestResult[]> {
    return this.#wire.call("runDeploymentTests", { ...options, path: { id }, body: { tests } });
  }

  /** Approves. The token is recorded, not verified. */
  async approve(id: string, approval: ApproveDeploymentRequest, options: CallOptions = {}): Promise<void> {
    await this.#wire.call("approveDeployment", { ...options, path: { id }, body: approval });
  }

  /** Rejects, whatever state the deployment is in. */
  async reject(id: string, reason: string, options: CallOptions = {}): Promise<void> {
    await this.#wire.call("rejectDeployment", { ...options, path: { id }, body: { reason } });
  }

  /** Completes an approved deployment. */
  async complete(id: string, options: CallOptions = {}): Promise<void> {
    await this.#wire.call("completeDeployment", { ...options, path: { id }, body: {} });
  }

  canPromote(id: string, options: CallOptions = {}): Promise<CanPromote> {
    return this.#wire.call("canPromote", { ...options, path: { id } });
  }

  /** Checks a deployment against thresholds. */
  async checkGates(id: string, input: GateChecksRequest = {}, options: CallOptions = {}): Promise<GateCheck> {
    return (await this.#wire.call("runGateChecks", { ...options, path: { id }, body: input })).gateCheck;
  }

  async gateChecks(id: string, options: CallOptions = {}): Promise<GateCheck[]> {
    return (await this.#wire.call("listGateChecks", { ...options, path: { id } })).gateChecks;
  }
}

/** What is read of telemetry. */
export interface MonitoringFilter extends CallOptions {
  readonly type?: string;
  readonly workflowId?: string;
  /** Only with `endTime`, and then the server forgets the other filters. */
  readonly startTime?: string;
  readonly endTime?: string;
}

/** Monitoring: the server's own aggregates and events. Nothing can be written. */
export class ConsoleMonitoring {
  readonly #wire: ConsoleWire;

  constructor(wire: ConsoleWire) {
    this.#wire = wire;
  }

  /** Aggregates over the last `timeRange` milliseconds; over everything without it. */
  metrics(options: CallOptions & { readonly timeRange?: number } = {}): Promise<MonitoringMetrics> {
    const { timeRange, ...call } = options;
    return this.#wire.call("getMonitoringMetrics", {
      ...call,
      ...(timeRange !== undefined && { query: { timeRange } }),
    });
  }

  /** Telemetry events that match. */
  events(filter: MonitoringFilter = {}): Promise<TelemetryEvent[]> {
    const { signal, timeoutMs, retry, ...query } = filter;
    return this.#wire.call("getMonitoringEvents", { signal, timeoutMs, retry, query });
  }
}
