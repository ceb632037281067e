import { afterAll, describe, expect, it } from "vitest";
import { type OperationId, operationSchemas, schemaDocument } from "../../gen/4runr/index.js";
import { ajvValidator } from "../../src/core/ajv-validator.js";
import { Local4Runr } from "../../src/testing/local-4runr.js";
import { expectedDifference, staleDifferences } from "../expected-differences.ts";
import { req } from "../requirements/index.ts";
import { differencesOf } from "./local-compare.ts";
import { bodyText, type Exchange, RecordedWorld, readExchanges, requestHeaders } from "./local-recordings.ts";

const secret = "holdout-signing-secret";
const headersOfInterest = [
  "content-type",
  "vary",
  "access-control-allow-origin",
  "access-control-allow-methods",
  "access-control-allow-headers",
];
const callHeaders = ["x-correlation-id", "x-token-rotation-recommended", "x-token-expires-at"];

const [breakerMock, breakerLive] = ["mock", "live"].map((mode) =>
  readExchanges("breaker-and-creds").filter(({ gateway }) => gateway.endsWith(`=${mode}`)),
) as [Exchange[], Exchange[]];

/** Each ran against one process, in this order. */
const runs = [
  {
    upstream: "mock" as const,
    exchanges: [
      ...readExchanges("gateway-current-mock"),
      ...breakerMock,
      ...readExchanges("gateway-current-edge"),
    ],
  },
  { upstream: "live" as const, exchanges: [...readExchanges("gateway-current-live"), ...breakerLive] },
];

const validator = ajvValidator();

async function breaksSpec(
  operation: OperationId,
  status: number,
  body: unknown,
): Promise<string | undefined> {
  const { responses } = operationSchemas[operation];
  const ref = responses[status] ?? responses[`${Math.floor(status / 100)}XX`];
  if (ref === undefined || body === undefined) return undefined;
  const compiled = await validator.compile({ ...schemaDocument, $ref: ref.slice(ref.indexOf("#")) });
  const result = compiled.validate(body);
  return result.ok ? undefined : JSON.stringify(result.issues);
}

async function ask(url: string, { request }: Exchange) {
  const body = bodyText(request);
  const response = await fetch(`${url}${request.path}`, {
    method: request.method,
    headers: requestHeaders(request),
    ...(body !== undefined && { body }),
  });
  const text = await response.text();
  const json = response.headers.get("content-type")?.startsWith("application/json");
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text };
}

describe.each(runs)("the recordings of the gateway in $upstream mode", async ({ upstream, exchanges }) => {
  const world = new RecordedWorld(exchanges);
  const gateway = await Local4Runr.start({
    origins: ["http://a.b"],
    upstream,
    signingSecret: secret,
    testBypass: true,
    clock: world.clock,
    ids: world.ids,
  });
  const failures: unknown[] = [];
  gateway.on("error", (error) => failures.push(error));

  afterAll(() => gateway.close());

  // One test each, in the order of the recording: a later answer depends on the earlier calls.
  it.each(exchanges.map((exchange) => [exchange.id, exchange.name, exchange] as const))(
    "%s %s is answered the same",
    async (id, _name, exchange) => {
      world.enter(exchange);
      const ours = await ask(gateway.url, exchange);
      const theirs = exchange.response;
      const found = [
        ...differencesOf(ours.status, theirs.status, "status"),
        ...differencesOf(ours.body, theirs.body ?? ""),
      ];
      const named = Object.keys(theirs.headers).includes("vary")
        ? [...headersOfInterest, ...callHeaders]
        : callHeaders;
      for (const name of named) {
        found.push(
          ...differencesOf(ours.headers.get(name) ?? undefined, theirs.headers[name], `header ${name}`),
        );
      }
      const difference = expectedDifference(`4runr/local-replay/${id}`);
      if (difference) expect(found, `${id} is in expected-differences.yaml and agrees now`).not.toEqual([]);
      else expect(found).toEqual([]);

      const operation = gateway.requests.at(-1)?.operation as OperationId | undefined;
      if (operation) expect(await breaksSpec(operation, ours.status, ours.body || undefined)).toBeUndefined();
      expect(failures).toEqual([]);
    },
  );
});

describe("all recordings together", () => {
  it(
    req(
      "fourRunr.local.recordings",
      "every recorded request is replayed, and every listed difference is met",
    ),
    () => {
      expect(runs.map(({ exchanges }) => exchanges.length)).toEqual([164 + 13 + 23, 164 + 8]);
      expect(staleDifferences("4runr/local-replay/")).toEqual([]);
    },
  );
});
