/** Finds the operation that a request is for; the routes are those of the spec. */
import { type OperationId, operationTable } from "../../../gen/4runr/index.js";
import { adminHandlers } from "./admin.js";
import { agentHandlers } from "./agents.js";
import { type GatewayAnswer, GatewayFault, type GatewayRequest, noRoute, refused } from "./answer.js";
import type { GatewayContext, Handlers } from "./context.js";
import { operatorHandlers } from "./operator.js";
import { policyHandlers } from "./policies.js";
import { proxyRequest } from "./proxy.js";

/** Routes that the spec has for other gateways: this one answers 404. */
export type AbsentOperation = "getJob" | "getServerHealth";

/** An operation that this gateway has. */
export type ServedOperation = Exclude<OperationId, AbsentOperation>;

const handlers: Handlers<ServedOperation> = {
  ...agentHandlers,
  ...policyHandlers,
  ...operatorHandlers,
  ...adminHandlers,
  proxyRequest,
};

interface Route {
  readonly operation: ServedOperation;
  readonly method: string;
  readonly segments: readonly string[];
}

/** Routes without parameters first: `/api/policies/merged/{agent_id}` before `/api/policies/{policy_id}`. */
const routes: readonly Route[] = (Object.keys(handlers) as ServedOperation[])
  .map((operation) => {
    const { method, path } = operationTable[operation];
    return { operation, method: method.toUpperCase(), segments: path.split("/") };
  })
  .sort((a, b) => parameters(a) - parameters(b));

function parameters({ segments }: Route): number {
  return segments.filter((segment) => segment.startsWith("{")).length;
}

/** A route that fits. */
export interface Found {
  readonly operation: ServedOperation;
  readonly params: Readonly<Record<string, string>>;
}

/** The operation for a method and a path, or undefined. A path with an extra or a doubled slash fits none. */
export function findRoute(method: string, path: string): Found | undefined {
  const given = path.split("/");
  for (const { operation, method: wanted, segments } of routes) {
    if (wanted !== method || segments.length !== given.length) continue;
    const params = match(segments, given);
    if (params) return { operation, params };
  }
  return undefined;
}

function match(segments: readonly string[], given: readonly string[]): Record<string, string> | undefined {
  const params: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    const value = given[index]!;
    if (!segment.startsWith("{")) {
      if (segment !== value) return undefined;
    } else if (value === "") return undefined;
    else params[segment.slice(1, -1)] = decode(value);
  }
  return params;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const faults: Partial<Readonly<Record<ServedOperation, string>>> = {
  createAgent: "Internal server error while creating agent.",
  generateToken: "Internal server error while generating token.",
};

/** Answers one request. Rejects only for a mistake of the counterpart itself. */
export async function dispatch(
  request: Omit<GatewayRequest, "params">,
  gateway: GatewayContext,
): Promise<GatewayAnswer> {
  const found = findRoute(request.method, request.path);
  if (found === undefined) return noRoute(request.method, request.path);
  try {
    return await handlers[found.operation]({ ...request, params: found.params }, gateway);
  } catch (error) {
    if (!(error instanceof GatewayFault)) throw error;
    return refused(500, faults[found.operation] ?? "Internal server error");
  }
}
