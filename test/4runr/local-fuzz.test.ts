import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type OperationId, operationSchemas, operationTable, schemaDocument } from "../../gen/4runr/index.js";
import { ajvValidator } from "../../src/core/ajv-validator.js";
import { Local4Runr } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";

const validator = ajvValidator();
const internalFault =
  /^Internal server error( while creating agent\.| while generating token\.| during proxy request)?$/;

const tools = ["serpapi", "http_fetch", "openai", "gmail_send", "__proto__"];
const actions = ["search", "get", "head", "chat", "complete", "send", "profile", "constructor"];

describe("any request", async () => {
  const gateway = await Local4Runr.start({
    rateLimit: { calls: 1e9 },
    breaker: { failures: 1e9 },
    testBypass: true,
  });
  const failures: unknown[] = [];
  gateway.on("error", (error) => failures.push(error));
  let known: { readonly agentId: string; readonly token: string };

  beforeAll(async () => {
    const scopes = tools.flatMap((tool) => actions.map((action) => `${tool}:${action}`));
    const { agentId } = await gateway.register({ spec: { scopes } });
    const wish = { agent_id: agentId, tools: [], permissions: [], expires_at: "2099-01-01T00:00:00Z" };
    const response = await fetch(`${gateway.url}/api/generate-token`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(wish),
    });
    known = { agentId, token: ((await response.json()) as { agent_token: string }).agent_token };
  });
  afterAll(() => gateway.close());

  it(req("fourRunr.local.fuzz", "gets an answer that the spec describes, and does no harm"), async () => {
    // Making keys is slow, and tells nothing new.
    const names = (Object.keys(operationTable) as OperationId[]).filter((name) => name !== "createAgent");
    const operations = fc.constantFrom(...names, "proxyRequest" as const, "createPolicy" as const);
    const word = fc.oneof(
      fc.string({ maxLength: 8, unit: "grapheme" }),
      fc.constantFrom(
        "AGENT",
        "TOKEN",
        "serpapi",
        "http_fetch",
        "search",
        "get",
        "a/b c",
        "%",
        "..",
        "__proto__",
      ),
    );
    const members = fc.constantFrom(
      ...["agent_token", "tool", "action", "params", "token_id", "proof_payload", "agent_id", "tools"],
      ...[
        "permissions",
        "expires_at",
        "name",
        "spec",
        "agentId",
        "role",
        "scopes",
        "query",
        "q",
        "url",
        "quotas",
      ],
      ...["guards", "maxRequestSize", "schedule", "id", "mode", "pct", "version", "credential", "active"],
    );
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        word,
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(members, tie("value"), { maxKeys: 8 }),
      ),
    })).value;
    const body = fc.oneof(
      value,
      fc.record({
        agent_token: fc.constant("TOKEN"),
        tool: fc.constantFrom(...tools),
        action: fc.constantFrom(...actions),
        params: value,
      }),
      fc.record({ name: fc.constant("n"), role: word, spec: fc.record({ scopes: value, quotas: value }) }),
    );
    const query = fc.dictionary(fc.constantFrom("limit", "active", "agentId", "tool", "action"), word);

    await fc.assert(
      fc.asyncProperty(operations, body, word, query, async (operation, given, id, asked) => {
        const real = (text: string): string =>
          text.replace(/AGENT/g, known.agentId).replace(/TOKEN/g, known.token);
        const { method, path } = operationTable[operation];
        const target = path.replace(/\{\w+\}/, () => encodeURIComponent(real(id)).replace(/^\.+$/, "dots"));
        const init =
          method === "GET"
            ? {}
            : { headers: { "content-type": "application/json" }, body: real(JSON.stringify(given)) };
        const url = `${gateway.url}${target}?${new URLSearchParams(asked)}`;
        const response = await fetch(url, { method, ...init });
        const text = await response.text();
        expect(failures).toEqual([]);
        if (operation === "getMetrics" || response.status === 204) return;
        const answer = JSON.parse(text) as { error?: string };
        if (response.status === 500) expect(answer.error).toMatch(internalFault);
        const { responses } = operationSchemas[operation];
        const ref = responses[response.status] ?? responses[`${Math.floor(response.status / 100)}XX`];
        expect(ref, `${operation} answered ${response.status}`).toBeDefined();
        const schema = { ...schemaDocument, $ref: ref!.slice(ref!.indexOf("#")) };
        expect((await validator.compile(schema)).validate(answer)).toMatchObject({ ok: true });
      }),
      { numRuns: 400 },
    );
  });
});
