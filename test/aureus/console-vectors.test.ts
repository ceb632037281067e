import { describe, expect, it } from "vitest";
import { type OperationId, operationTable } from "../../gen/aureus/console/operations.js";
import { AureusClient, AureusConsoleClient, aureusDetails } from "../../src/aureus/index.js";
import {
  type AgentwireError,
  AuthError,
  NotFoundError,
  PolicyDeniedError,
  UnsupportedError,
  UpstreamError,
  ValidationError,
} from "../../src/core/errors.js";
import { req } from "../requirements/index.ts";
import { type AureusLine, readLines } from "./recordings.ts";
import { serve } from "./server.ts";

/** The operation a recorded request is a call of, with the values of its path. */
function operationOf({ method, path }: { method: string; path: string }) {
  const parts = path.split("/");
  const fits = Object.entries(operationTable).flatMap(([id, entry]) => {
    const wanted = entry.path.split("/");
    const values: Record<string, string> = {};
    const same =
      entry.method === method &&
      wanted.length === parts.length &&
      wanted.every((part, index) => {
        if (part[0] !== "{") return part === parts[index];
        values[part.slice(1, -1)] = decodeURIComponent(parts[index]!);
        return true;
      });
    return same ? [{ id: id as OperationId, values }] : [];
  });
  return fits.sort((a, b) => Object.keys(a.values).length - Object.keys(b.values).length)[0];
}

/** Makes a recorded request with our clients, against a server that gives the recorded answer. */
async function replay(line: AureusLine) {
  const { status, body } = line.response!;
  const html = line.response!.content_type?.includes("html") === true;
  const server = await serve(() => ({
    status: status!,
    body,
    headers: { "content-type": line.response!.content_type ?? (html ? "text/html" : "application/json") },
  }));
  const [path = "", search = ""] = line.request.path.split("?");
  const options = { baseUrl: server.url, retry: false as const };
  const client = new AureusConsoleClient({ ...options, token: "a-token" });
  try {
    const known = operationOf({ method: line.request.method, path });
    if (known !== undefined) {
      const returned: unknown = await client.call(known.id, {
        path: known.values,
        query: { ...line.request.query, ...Object.fromEntries(new URLSearchParams(search)) },
        ...(line.request.body !== null && line.request.body !== undefined && { body: line.request.body }),
      } as never);
      return { returned, seen: server.seen };
    }
    if (path.startsWith("/api/v1/")) {
      const { workflow } = line.request.body as { workflow: never };
      return { returned: await new AureusClient(options).executeWorkflow(workflow), seen: server.seen };
    }
    const response = await client.fetch(server.url + path, { method: line.request.method });
    const text = await response.text();
    return { returned: response.ok ? text : { status: response.status, text }, seen: server.seen };
  } catch (error) {
    return { error, seen: server.seen };
  } finally {
    await client.close();
    await server.close();
  }
}

const types = {
  400: ValidationError,
  401: AuthError,
  403: PolicyDeniedError,
  404: NotFoundError,
  500: UpstreamError,
  503: UnsupportedError,
} as const;

describe.each(["console-stock", "console-full"])("%s", (file) => {
  const lines = readLines(file);

  it("has all recordings", () => {
    expect(lines).toHaveLength(file === "console-stock" ? 43 : 103);
  });

  it.each(lines)(req("aureus.console.recordings", "$case"), async (line) => {
    const { returned, error, seen } = await replay(line);
    const { status, body } = line.response!;
    const sent = seen[0]!;
    expect([sent.method, sent.path]).toEqual([line.request.method, line.request.path.split("?")[0]]);
    if (operationOf({ method: sent.method, path: sent.path }) !== undefined)
      expect(sent.body).toEqual(line.request.body ?? null);

    if (status === 200) {
      expect(error).toBeUndefined();
      expect(returned).toEqual(body);
    } else if (line.case === "unknown_route") {
      expect(returned).toEqual({ status: 404, text: body }); // no operation: only `fetch` gets there
    } else if (line.case === "v1_execute_is_404_html") {
      expect(error).toBeInstanceOf(UnsupportedError);
      expect(error).toMatchObject({ code: "console_server", status: 404 });
    } else {
      expect(error).toBeInstanceOf(types[status as keyof typeof types]);
      const failure = error as AgentwireError;
      expect(failure).toMatchObject({ status, retryable: false });
      const said = body as { error: string; details?: unknown; errors?: string[] };
      expect(aureusDetails(failure)).toMatchObject(said.errors ? said : { error: said.error });
      if (said.details !== undefined) expect(aureusDetails(failure)?.details).toEqual(said.details);
      expect(failure.message).toContain(said.error);
    }
  });
});
