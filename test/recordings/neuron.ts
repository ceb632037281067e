import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Recording } from "../../src/generate/check/recordings.ts";
import { asRecord, type OpenApi, type Operation, type SchemaAt } from "../../src/generate/openapi/openapi.ts";

/** One line of a trace. */
interface Line {
  readonly seq: number;
  readonly kind: string;
  readonly method?: string;
  readonly path?: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly raw?: string;
}

/** The value a text stands for; undefined when it is not JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The data of each complete event in a piece of a stream. */
function eventData(raw: string): string[] {
  return raw
    .split(/(?<=\n\n)/)
    .filter((event) => event.endsWith("\n\n"))
    .map((event) => [...event.matchAll(/^data: ?(.*)$/gm)].map(([, data]) => data).join("\n"))
    .filter((data) => data !== "");
}

/** The schema of an answer: that of the status, of its class, or the default one. */
function answerSchema({ responses }: Operation, status: number): SchemaAt | undefined {
  return responses[status] ?? responses[`${Math.floor(status / 100)}XX`] ?? responses.default;
}

/**
 * Reads the traces of neurons: the bodies of POSTs below `/neuron/`, their JSON answers, and the JSON in each
 * event of the stream. Traces of the authorization server (`oauth-*`) are not part of this document.
 */
export function readNeuronRecordings(
  root: string,
  folder: string,
  api: OpenApi,
  prefix: string,
): Recording[] {
  const events = api.operations.find((operation) => operation.events !== undefined)?.events;
  const files = readdirSync(join(root, folder)).filter((name) => name.endsWith(".jsonl"));
  return files.sort().flatMap((file) => {
    const lines = readFileSync(join(root, folder, file), "utf8")
      .trim()
      .split("\n");
    const waiting: (Operation | undefined)[] = [];
    return lines.flatMap((text): Recording[] => {
      const line = JSON.parse(text) as Line;
      const id = `${prefix}/${file.replace(/\.jsonl$/, "")}/${line.seq}`;
      if (line.kind === "sse") {
        return eventData(line.raw ?? "").map((data) => {
          const value = parse(data);
          return { id, what: `event of type ${String(asRecord(value).type)}`, value, schema: events };
        });
      }
      if (line.kind === "request") {
        const url = line.path!.replace(/\?.*/, "");
        const operation = api.operations.find(
          (item) => item.url === url && item.method === line.method!.toLowerCase(),
        );
        waiting.push(operation);
        if (!url.startsWith("/neuron/") || line.method !== "POST") return [];
        return [{ id, what: `POST ${url}`, value: line.body, schema: operation?.request }];
      }
      if (line.kind !== "response") return [];
      const operation = waiting.shift();
      if (operation === undefined || !line.headers?.["content-type"]?.includes("json")) return [];
      const what = `answer ${line.status} to ${operation.id}`;
      return [{ id, what, value: parse(String(line.body)), schema: answerSchema(operation, line.status!) }];
    });
  });
}
