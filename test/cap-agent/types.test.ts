import { inspect } from "node:util";
import { expect, expectTypeOf, it } from "vitest";
import type { AgentContext } from "../../src/cap/index.js";
import { generateKeyPair } from "../../src/cap/index.js";
import { jsonSchema } from "../../src/core/json-schema.js";
import type { StandardSchemaV1 } from "../../src/core/standard-schema.js";
import { req } from "../requirements/index.ts";
import { bench } from "./agent-bench.ts";

/** A schema that takes a text and gives its length. */
const length: StandardSchemaV1<string, number> = {
  "~standard": { version: 1, vendor: "test", validate: (value) => ({ value: String(value).length }) },
};
const person = jsonSchema<{ name: string }>({ type: "object", required: ["name"] });

it(req("cap.agent.readme", "input and output have the types of their schemas"), async () => {
  const { agent, send, output } = await bench();
  agent.job("job.typed", { input: person, output: length }, (input, ctx) => {
    expectTypeOf(input).toEqualTypeOf<{ name: string }>();
    expectTypeOf(ctx).toEqualTypeOf<AgentContext>();
    return input.name;
  });
  agent.job("job.in", { input: length }, (input) => {
    expectTypeOf(input).toEqualTypeOf<number>();
  });
  agent.job("job.out", { output: person }, (input) => {
    expectTypeOf(input).toEqualTypeOf<unknown>();
    return { name: "x" };
  });
  // @ts-expect-error: a number has no name
  agent.job("job.wrong", { output: person }, () => 7);
  agent.job("job.plain", (input: { n: number }) => input.n);
  await agent.start();
  await send({ topic: "job.typed" }, { input: { name: "abc" } });
  expect(await output()).toBe(3);
});

it("an agent shows no key, token or credential", async () => {
  const { privateKeyPem } = generateKeyPair();
  const { agent, logged } = await bench({
    privateKey: privateKeyPem,
    sessionToken: "planted-session",
    heartbeatToken: "planted-heartbeat",
  });
  agent.job("job.echo", () => 1);
  await agent.start();
  const shown = [inspect(agent, { depth: 9, showHidden: true }), JSON.stringify(agent), ...logged].join("\n");
  expect(shown).not.toMatch(/planted|PRIVATE KEY/);
  await agent.close();
});
