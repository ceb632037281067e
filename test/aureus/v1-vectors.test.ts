import { afterAll, describe, expect, it } from "vitest";
import { keyMap } from "../../gen/aureus/v1/keys.js";
import { AureusClient, type AureusClientOptions } from "../../src/aureus/index.js";
import { AgentwireError } from "../../src/core/errors.js";
import { fromWire, type Shape } from "../../src/core/keys.js";
import { expectedDifference, staleDifferences } from "../expected-differences.ts";
import { req } from "../requirements/index.ts";
import { type AureusLine, readLines, withoutNullMembers } from "./recordings.ts";
import { type SeenRequest, serve } from "./server.ts";

type Args = Record<string, unknown>;

/** The arguments of the Python call, in camelCase. */
function camel(value: unknown, shape: Shape): never {
  return fromWire(value, shape, keyMap) as never;
}

/** The same call as in Python, made here. */
function callOf(client: AureusClient, method: string, args: Args): Promise<unknown> {
  const text = (name: string) => args[name] as string;
  switch (method) {
    case "execute_workflow":
      return client.executeWorkflow(camel(args.workflow, "WorkflowSpec"), {
        context: args.context as Args | undefined,
        correlationId: args.correlation_id as string | undefined,
      });
    case "get_workflow_status":
      return client.getWorkflowStatus(text("workflow_id"));
    case "cancel_workflow":
      return client.cancelWorkflow(text("workflow_id"));
    case "validate_commit":
      return client.validateCommit(camel(args.commit, "Commit"), camel(args.gate_config, "GateConfig"));
    case "register_validator":
      return client.registerValidator(text("validator_id"), args.validator_config as Args);
    case "evaluate_policy":
      return client.evaluatePolicy(camel(args.context, "PolicyContext"));
    case "check_permission":
      return client.checkPermission(camel(args.principal, "Principal"), camel(args.action, "Action"));
    case "request_approval":
      return client.requestApproval(
        camel(args.action, "Action"),
        camel(args.principal, "Principal"),
        text("reason"),
      );
    case "report_event":
      return client.reportEvent(camel(args.event, "TelemetryEvent"));
    case "report_metric":
      return client.reportMetric(camel(args.metric, "Metric"));
    case "report_span":
      return client.reportSpan(camel(args.span, "Span"));
    case "get_metrics":
      return client.getMetrics({
        metricName: args.metric_name as string | undefined,
        startTime: args.start_time as string | undefined,
        endTime: args.end_time as string | undefined,
        tags: args.tags as Record<string, string> | undefined,
      });
    case "get_trace":
      return client.getTrace(text("trace_id"));
    default:
      throw new Error(`no call for ${method}`);
  }
}

/** What the Python SDK makes of an answer, in its own names. */
const answerShapes: Readonly<Record<string, Shape>> = {
  execute_workflow: "WorkflowExecutionResult",
  get_workflow_status: "WorkflowState",
  cancel_workflow: "WorkflowState",
  register_validator: "ValidatorRegistration",
  validate_commit: "GateResult",
  evaluate_policy: "GuardDecision",
  get_metrics: { list: "Metric" },
  get_trace: { list: "Span" },
};

/** Makes the call of a line against a server that answers as recorded. */
async function replay({ call, response }: AureusLine, options: AureusClientOptions = {}) {
  const server = await serve(() => {
    if (typeof response?.status !== "number") return undefined;
    return { status: response.status, headers: response.headers ?? {}, body: response.body };
  });
  const client = new AureusClient({ baseUrl: server.url, apiKey: "test-key", retry: false, ...options });
  try {
    const returned = await callOf(client, call!.method, call!.args);
    return { request: server.seen[0], returned };
  } catch (error) {
    return { request: server.seen[0], error };
  } finally {
    await client.close();
    await server.close();
  }
}

function comparable(request: SeenRequest | AureusLine["request"] | undefined, path = decodeURI) {
  const query: Record<string, unknown> = { ...request?.query };
  if (typeof query.tags === "string") query.tags = JSON.parse(query.tags);
  return {
    method: request?.method,
    path: path(request?.path ?? ""),
    query,
    body: withoutNullMembers(request?.body),
  };
}

const files = ["sdk-vs-standin", "sdk-vs-v1-adapter"];
const lines = files.flatMap((file) =>
  readLines(file).map((line) => ({ file, line, id: `${file}/${line.case}` })),
);

describe("recordings of the Python SDK", () => {
  it("are all here", () => {
    expect(files.map((file) => readLines(file).length)).toEqual([45, 26]);
  });

  it.each(lines)(req("aureus.v1.requests", "$id sends the same request"), async ({ line, id }) => {
    const { request } = await replay(line);
    const [ours, theirs] = [comparable(request), comparable(line.request)];
    if (expectedDifference(`aureus/requests/${id}`) === undefined) expect(ours).toEqual(theirs);
    else expect(ours).not.toEqual(theirs);
    expect(request!.headers.authorization).toBe("Bearer test-key");
    // Nothing had to be taken out of ours.
    expect(request!.body).toEqual(ours.body);
  });

  it.each(lines)(req("aureus.v1.answers", "$id reads the answer alike"), async ({ line, id }) => {
    const { returned, error } = await replay(line);
    const method = line.call!.method;
    const theirs =
      line.sdk!.raised === undefined
        ? { returned: withoutNullMembers(camel(line.sdk!.returned ?? null, answerShapes[method] ?? "")) }
        : { raised: true };
    const ours =
      error === undefined
        ? { returned: withoutNullMembers(returned ?? null) }
        : { raised: error instanceof AgentwireError };
    if (expectedDifference(`aureus/answers/${id}`) === undefined) expect(ours).toEqual(theirs);
    else expect(ours).not.toEqual(theirs);
  });

  it.each(lines)(
    req("aureus.v1.nulls", "$id has the members of Python when asked to"),
    async ({ line, id }) => {
      const { request } = await replay(line, { nulls: "explicit" });
      expect(request!.body, id).toEqual(line.request.body);
    },
  );

  afterAll(() => {
    expect([...staleDifferences("aureus/requests/"), ...staleDifferences("aureus/answers/")]).toEqual([]);
  });
});
