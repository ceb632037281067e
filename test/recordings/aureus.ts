import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Recording } from "../../src/generate/check/recordings.ts";
import type { OpenApi, Operation, SchemaAt } from "../../src/generate/openapi/openapi.ts";

/** One line of a recording: a request and, unless the connection broke, its answer. */
interface Line {
  readonly case: string;
  readonly request: { readonly method: string; readonly path: string; readonly body: unknown };
  readonly response?: {
    readonly status: number | null;
    readonly content_type?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body: unknown;
  };
}

/** Requests to places that no document has, sent on purpose. */
const elsewhere = new Set([
  "options_preflight",
  "status_reserved_chars", // an id that the Python SDK does not encode
  "unknown_route",
  "v1_execute_is_404_html",
]);

/** True when a path matches a template; `{}` stands for one segment. */
function fits(template: string, path: string): boolean {
  const [wanted, found] = [template.split("/"), path.split("/")];
  return (
    wanted.length === found.length && wanted.every((part, index) => part[0] === "{" || part === found[index])
  );
}

/** The operation of a request; one without parameters in its path goes before one with them. */
function operationOf(api: OpenApi, method: string, path: string): Operation | undefined {
  const found = api.operations.filter((item) => item.method === method.toLowerCase() && fits(item.url, path));
  return found.find((item) => item.url === path) ?? found[0];
}

/** The schema of an answer: that of the status, of its class, or the default one. */
function answerSchema({ responses }: Operation, status: number): SchemaAt | undefined {
  return responses[status] ?? responses[`${Math.floor(status / 100)}XX`] ?? responses.default;
}

/**
 * Reads JSON lines of Aureus whose names begin with `files`: bodies of requests that were not refused, and all
 * JSON answers. A refused request says nothing about the form of a good one.
 */
export function readAureusRecordings(files: string) {
  return (root: string, folder: string, api: OpenApi, prefix: string): Recording[] => {
    const names = readdirSync(join(root, folder)).filter((name) => name.startsWith(files));
    return names.sort().flatMap((file) => {
      const lines = readFileSync(join(root, folder, file), "utf8")
        .trim()
        .split("\n");
      return lines.flatMap((text): Recording[] => {
        const { case: name, request, response } = JSON.parse(text) as Line;
        const id = `${prefix}/${file.replace(/\.jsonl$/, "")}/${name}`;
        const path = request.path.replace(/\?.*/, "");
        if (elsewhere.has(name)) return [];
        const operation = operationOf(api, request.method, path);
        const what = `${request.method} ${path}`;
        if (operation === undefined) return [{ id, what, value: undefined, schema: undefined }];
        const { status = null, body } = response ?? {};
        const found: Recording[] = [];
        const refused = status !== null && status >= 400;
        if (!refused && operation.request !== undefined)
          found.push({ id, what, value: request.body, schema: operation.request });
        const type = response?.content_type ?? response?.headers?.["content-type"] ?? "";
        if (status === null || !type.includes("json") || body === "") return found;
        return [
          ...found,
          { id, what: `answer ${status} to ${what}`, value: body, schema: answerSchema(operation, status) },
        ];
      });
    });
  };
}
