/** Wrong inputs and wrong outputs of handlers do not compile, on any entry point that takes a handler. */
import type { StandardSchemaV1 } from "agentwire";
import { jsonSchema } from "agentwire";
import { capabilityHandler, equip, topicHandler } from "agentwire/bridge";
import { Agent, InMemoryBlobStore, MemoryBus } from "agentwire/cap";
import { defineHandler, type HandlerContext } from "agentwire/handler";
import { defineCapability, memoryTransport, Neuron } from "agentwire/neuron";
import { runHandler } from "agentwire/testing";
import { expectTypeOf, it } from "vitest";

interface Text {
  s: string;
}

/** As `z.object({ s: z.string() })` is typed. */
const standard: StandardSchemaV1<Text, Text> = {
  "~standard": { version: 1, vendor: "test", validate: (value) => ({ value: value as Text }) },
};
/** As `z.string().transform(Number)` is typed. */
const length: StandardSchemaV1<string, number> = {
  "~standard": { version: 1, vendor: "test", validate: (value) => ({ value: String(value).length }) },
};
const json = jsonSchema<Text>({ type: "object", required: ["s"] });
const wrong = () => ({ s: 1 });
const nothing = () => undefined;
const later = async () => ({ s: 1 });
const right = () => ({ s: "x" });

let topics = 0;
const topic = () => `job.types.t${topics++}`;
const type = () => `acme/types/t${topics++}`;

it("defineHandler", () => {
  defineHandler({
    input: length,
    output: standard,
    run: (input) => {
      expectTypeOf(input).toEqualTypeOf<number>();
      return { s: "x" };
    },
  });
  defineHandler({ output: json, run: right });
  defineHandler({ output: { type: "object" }, run: wrong });
  // @ts-expect-error: s must be a text
  defineHandler({ output: standard, run: wrong });
  // @ts-expect-error: an output is required
  defineHandler({ output: standard, run: nothing });
  // @ts-expect-error: s must be a text, later as well
  defineHandler({ output: json, run: later });
  // @ts-expect-error: the schema returns a number
  defineHandler({ input: length, run: (input: string) => input });
  // @ts-expect-error: the input has no such member
  defineHandler({ input: json, run: ({ t }) => t });
  // @ts-expect-error: there is no such option
  defineHandler({ inptu: json, run: right });
});

it("Agent.job", () => {
  const agent = new Agent({ bus: new MemoryBus().connect(), store: new InMemoryBlobStore(), pool: "p" });
  agent.job(topic(), { input: length, output: standard }, (input) => {
    expectTypeOf(input).toEqualTypeOf<number>();
    return { s: "x" };
  });
  agent.job(topic(), { output: json }, right);
  agent.job(topic(), { retries: 1 }, defineHandler({ output: json, run: right }));
  agent.job(topic(), (input: { n: number }) => input.n);
  // @ts-expect-error: s must be a text
  agent.job(topic(), { output: standard }, wrong);
  // @ts-expect-error: an output is required
  agent.job(topic(), { output: standard }, nothing);
  // @ts-expect-error: s must be a text, later as well
  agent.job(topic(), { output: json }, later);
  // @ts-expect-error: the schema returns a number
  agent.job(topic(), { input: length }, (input: string) => input);
  // @ts-expect-error: the input has no such member
  agent.job(topic(), { input: json }, ({ t }) => t);
  // @ts-expect-error: there is no such option
  agent.job(topic(), { inptu: json }, right);
  // @ts-expect-error: a definition has schemas of its own
  agent.job(topic(), { output: json }, defineHandler({ run: nothing }));
});

it("Neuron.handle", () => {
  const neuron = new Neuron({ neuronId: "n", transport: memoryTransport().transport });
  neuron.handle({ type: type(), input: length, output: standard }, (input) => {
    expectTypeOf(input).toEqualTypeOf<number>();
    return { s: "x" };
  });
  neuron.handle({ type: type(), output: json }, right);
  neuron.handle({ type: type(), inputSchema: { type: "object" } }, ({ n }: { n: number }) => n);
  neuron.handle({ type: type() }, defineHandler({ output: json, run: right }));
  // @ts-expect-error: s must be a text
  neuron.handle({ type: type(), output: standard }, wrong);
  // @ts-expect-error: an output is required
  neuron.handle({ type: type(), output: standard }, nothing);
  // @ts-expect-error: s must be a text, later as well
  neuron.handle({ type: type(), output: json }, later);
  // @ts-expect-error: the schema returns a number
  neuron.handle({ type: type(), input: length }, (input: string) => input);
  // @ts-expect-error: the input has no such member
  neuron.handle({ type: type(), input: json }, ({ t }) => t);
  // @ts-expect-error: there is no such member
  neuron.handle({ type: type(), inptu: json }, right);
  // @ts-expect-error: a definition has schemas of its own
  neuron.handle({ type: type(), output: json }, defineHandler({ run: nothing }));
});

it("Neuron.handle with what defineCapability returns", () => {
  const neuron = new Neuron({ neuronId: "n", transport: memoryTransport().transport });
  const outputs = () => defineCapability({ type: type(), output: standard });
  const inputs = () => defineCapability({ type: type(), input: length });
  neuron.handle(outputs(), right);
  neuron.handle(outputs(), { concurrency: 2 }, right);
  neuron.handle(inputs(), (input) => expectTypeOf(input).toEqualTypeOf<number>());
  // @ts-expect-error: s must be a text
  neuron.handle(outputs(), wrong);
  // @ts-expect-error: an output is required
  neuron.handle(outputs(), nothing);
  // @ts-expect-error: s must be a text, with overrides as well
  neuron.handle(outputs(), { concurrency: 2 }, wrong);
  // @ts-expect-error: the schema returns a number
  neuron.handle(inputs(), (input: string) => input);
});

it("handlers of agentwire/bridge", () => {
  const kit = equip({});
  // @ts-expect-error: s must be a text
  kit.defineHandler({ output: standard, run: wrong });
  // @ts-expect-error: an output is required
  topicHandler("job.x", { output: standard }, nothing);
  // @ts-expect-error: the schema returns a number
  topicHandler("job.x", { input: length }, (input: string) => input);
  // @ts-expect-error: s must be a text
  capabilityHandler(defineCapability({ type: "a/b", output: standard }), wrong);
  capabilityHandler({ type: "a/b", input: json }, ({ s }, ctx: HandlerContext) => ctx.log.info(s));
});

it("runHandler of agentwire/testing", () => {
  const unused = () => {
    // @ts-expect-error: s must be a text
    void runHandler(wrong, {}, { output: standard });
    // @ts-expect-error: the schema returns a number
    void runHandler((input: string) => input, {}, { input: length });
  };
  expectTypeOf(unused).toBeFunction();
});
