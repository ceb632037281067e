import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Recording } from "../../src/generate/check/recordings.ts";
import type { OpenApi, Operation, SchemaAt } from "../../src/generate/openapi/openapi.ts";

/** One call of a gateway and its answer. */
interface Line {
  readonly name: string;
  readonly request: { readonly method: string; readonly path: string; readonly body?: unknown };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: unknown;
  };
}

/** Answers that may be due to the form of the request itself. */
const formRefused = new Set([400, 404, 413, 415, 500]);

/** The operation a request is for: that with the fewest parameters in its path. */
function operationOf({ operations }: OpenApi, { method, path }: Line["request"]): Operation | undefined {
  const steps = path.replace(/\?.*/, "").split("/");
  const parameters = ({ url }: Operation) => url.split("{").length;
  return operations
    .filter((item) => {
      const wanted = item.url.split("/");
      const fits = (step: string, index: number) => step.startsWith("{") || step === steps[index];
      return item.method === method.toLowerCase() && wanted.length === steps.length && wanted.every(fits);
    })
    .sort((a, b) => parameters(a) - parameters(b))[0];
}

/** The schema of an answer. What no operation serves is answered by the framework. */
function answerSchema(api: OpenApi, operation: Operation | undefined, status: number): SchemaAt | undefined {
  if (operation === undefined) {
    const path = ["components", "schemas", "FrameworkError"];
    return status === 404 ? { schema: api.schemas.FrameworkError ?? {}, path } : undefined;
  }
  const { responses } = operation;
  return responses[status] ?? responses[`${Math.floor(status / 100)}XX`] ?? responses.default;
}

/**
 * Reads calls of token gateways (`gateway-*.jsonl`, `breaker-*.jsonl`): every JSON answer, and the body of every
 * request that the gateway did not refuse for its form.
 */
export function readGatewayRecordings(
  root: string,
  folder: string,
  api: OpenApi,
  prefix: string,
): Recording[] {
  const files = readdirSync(join(root, folder)).filter((name) => /^(gateway|breaker)-.*\.jsonl$/.test(name));
  return files.sort().flatMap((file) => {
    const lines = readFileSync(join(root, folder, file), "utf8")
      .trim()
      .split("\n");
    return lines.flatMap((text, index): Recording[] => {
      const { name, request, response } = JSON.parse(text) as Line;
      const id = `${prefix}/${file.replace(/\.jsonl$/, "")}/${index + 1}`;
      const operation = operationOf(api, request);
      const found: Recording[] = [];
      if (operation?.request !== undefined && !formRefused.has(response.status)) {
        found.push({ id, what: `${operation.id} (${name})`, value: request.body, schema: operation.request });
      }
      if (response.headers["content-type"]?.includes("json")) {
        const what = `answer ${response.status} to ${operation?.id ?? request.path} (${name})`;
        const schema = answerSchema(api, operation, response.status);
        found.push({ id, what, value: response.body, schema });
      }
      return found;
    });
  });
}
