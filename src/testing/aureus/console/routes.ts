/** The operations of the console: who may call them, and what carries them out. */
import { type OperationId, operationTable } from "../../../../gen/aureus/console/operations.js";
import { operationSchemas, schemaDocument } from "../../../../gen/aureus/console/schemas.js";
import { errorText } from "../../../core/errors.js";
import { type HttpAnswer, json } from "../../http/answer.js";
import type { LocalRequest } from "../../http/local-server.js";
import { refusal } from "../../http/refusal.js";
import { SpecSchemas } from "../../http/schemas.js";
import { auditHandlers } from "./audit.js";
import { deploymentHandlers } from "./deployments.js";
import type { ConsoleHandlers, ConsoleState } from "./handlers.js";
import { monitoringHandlers } from "./monitoring.js";
import { registryHandlers } from "./registries.js";
import { testHandlers } from "./tests.js";
import type { ConsoleUsers } from "./users.js";
import { workflowHandlers } from "./workflows.js";

/** What carries out the operations; those that are neither here nor in `FAILING` are of services not configured. */
export const handlers: ConsoleHandlers = {
  ...workflowHandlers,
  ...testHandlers,
  ...deploymentHandlers,
  ...monitoringHandlers,
  ...registryHandlers,
  ...auditHandlers,
};

/** All operations of the console. */
export const consoleOperations = Object.values(operationTable);

/** Operations that need another permission than `read`. */
const PERMISSIONS: Readonly<Record<string, readonly OperationId[]>> = {
  approve: ["approve"],
  deny: ["deny"],
  rollback: ["rollbackWorkflow", "rollbackDeployment", "rollbackAgent"],
  write: [
    ...([
      "saveWorkflowSpec",
      "createVersion",
      "triggerReflexion",
      "registerAgent",
      "applyRetention",
    ] as const),
    ...(["createWorldModel", "deleteWorldModel", "processPerception", "clearPerception"] as const),
    "generateToolAdapter",
  ],
  deploy: [
    ...(["createDeployment", "completeDeployment", "runGateChecks", "triggerRollback"] as const),
    ...(["triggerDeploymentWorkflow", "stageDeployment", "runSmokeTests", "deployAgent"] as const),
  ],
  devops_approve: ["approveDeployment"],
  devops_reject: ["rejectDeployment"],
  devops_promote: ["promoteDeployment"],
};

/** Services that a console server starts without, by the beginning of their paths. */
const SERVICES: Readonly<Record<string, string>> = {
  "/api/workflows/generate": "Workflow generation",
  "/api/reflexion": "Reflexion engine",
  "/api/benchright": "BenchRight",
  "/api/agents": "Agent builder",
  "/api/world-models": "World model generation",
  "/api/memory-engine": "Memory engine",
  "/api/mcp": "MCP builder",
  "/api/perception": "Perception",
  "/api/llm": "LLM service",
  "/api/tool-adapters": "Tool adapter generation",
};

const schemas = new SpecSchemas(schemaDocument);

/** Operations in which the real server always fails over its own code, with its error and the details. */
export const FAILING: { readonly [Id in OperationId]?: readonly [error: string, details: string] } = {
  stageDeployment: ["Failed to transition deployment stage", "this.logEvent is not a function"],
  runSmokeTests: ["Failed to run smoke tests", "this.logEvent is not a function"],
  rollbackDeployment: [
    "Failed to rollback deployment",
    "Cannot read properties of undefined (reading 'filter')",
  ],
  // It takes the dependencies for a Map, which JSON does not have.
  validateWorkflowDag: ["Failed to validate DAG topology", "spec.dependencies.get is not a function"],
  validateWorkflowPolicy: [
    "Failed to validate policy",
    "spec.dependencies.entries is not a function or its return value is not iterable",
  ],
};

/** Carries out an operation. */
export async function answerConsole(
  operation: OperationId,
  request: LocalRequest,
  users: ConsoleUsers,
  state: ConsoleState,
): Promise<HttpAnswer> {
  let body: Record<string, unknown> = {};
  // A body without the content type is ignored, and one that is not JSON is a 500, as on the real server.
  if (request.headers["content-type"]?.startsWith("application/json") && request.text) {
    try {
      body = JSON.parse(request.text) as Record<string, unknown>;
    } catch (error) {
      throw refusal(500, "Internal server error", { details: errorText(error) });
    }
  }
  if (operation === "health") return json(200, { status: "ok", timestamp: state.now() });
  if (operation === "login") return users.login(body);
  const permission = Object.keys(PERMISSIONS).find((name) => PERMISSIONS[name]!.includes(operation));
  const user = users.authorize(request, operation === "logout" ? undefined : (permission ?? "read"));
  if (operation === "logout") return users.logout(request);
  const handler = handlers[operation] as ((call: object, state: ConsoleState) => unknown) | undefined;
  const failing = FAILING[operation];
  if (handler === undefined && failing === undefined) {
    const { path } = operationTable[operation];
    const service = Object.keys(SERVICES).find((start) => path.startsWith(start));
    throw refusal(503, `${SERVICES[service!]} not configured`);
  }
  const missing = missingMembers(operation, body);
  if (missing !== undefined) throw refusal(400, `Missing required fields: ${missing}`);
  if (failing !== undefined) throw refusal(500, failing[0], { details: failing[1] });
  const { params, query } = request;
  const call = { id: Object.values(params)[0] ?? "", params, query, body, user };
  return json(200, await handler!(call, state));
}

/** Operations that judge a body of any form. */
const OPEN: readonly OperationId[] = [
  ...(["approve", "validateWorkflow", "validateWorkflowCrv", "validateWorkflowDag"] as const),
  ...(["validateWorkflowPolicy", "saveWorkflowSpec"] as const),
];

/** All members that the body must have, if one of them is missing. */
function missingMembers(operation: OperationId, body: Readonly<Record<string, unknown>>): string | undefined {
  const address = operationSchemas[operation].request;
  if (address === undefined || OPEN.includes(operation)) return undefined;
  const root = schemas.at(address);
  const { required = [] } = typeof root.$ref === "string" ? schemas.at(root.$ref) : root;
  const names = required as readonly string[];
  return names.every((name) => body?.[name] != null) ? undefined : names.join(", ");
}
