import { defineHandler } from "agentwire/handler";
import { FakeClock, localStack, memoryAgentPair, runHandler } from "agentwire/testing";
import { expect, test } from "vitest";

const greet = defineHandler({
  input: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
  run: ({ name }) => ({ text: `Hello, ${name}!` }),
});

test("a handler alone: no bus, no server", async () => {
  const { output, result } = await runHandler(greet, { name: "Ada" });
  expect(output).toEqual({ text: "Hello, Ada!" });
  expect(result.errorCode).toBe("");
});

test("an input that does not match the schema", async () => {
  const { result } = await runHandler(greet, {});
  expect(result.errorMessage).toContain("name");
});

test("an agent and its client, with a scheduler between them", async () => {
  await using cap = memoryAgentPair();
  cap.agent.job("job.greet", greet);
  await cap.start();
  expect((await cap.submit("job.greet", { name: "Ada" })).output).toEqual({ text: "Hello, Ada!" });
});

test("the same over the local servers of all four protocols", async () => {
  await using stack = await localStack();
  const agent = stack.agent().job("job.greet", greet);
  await agent.start();
  const { output } = await stack.client.submitAndWait({ topic: "job.greet", input: { name: "Ada" } });
  expect(output).toEqual({ text: "Hello, Ada!" });
  await agent.close();
});

test("an hour passes in milliseconds", async () => {
  const clock = new FakeClock();
  const slow = runHandler(() => new Promise(() => {}), null, {
    clock,
    request: { budget: { deadlineMs: 3_600_000n } },
  });
  expect((await clock.until(slow)).result.errorCode).toBe("TIMEOUT");
});
