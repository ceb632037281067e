/** The neuron in a world that has what browsers have and nothing of Node. */
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";
import { afterEach, describe, expect, it } from "vitest";
import { BROWSER_ALIAS } from "../../scripts/imports/bundle.ts";
import { LocalBigBrain } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const root = join(import.meta.dirname, "../..");

/** What the neuron may find. */
const web = {
  AbortController,
  AbortSignal,
  DOMException,
  Event,
  EventTarget,
  Headers,
  ReadableStream,
  Request,
  Response,
  TextDecoder,
  TextEncoder,
  URL,
  URLSearchParams,
  atob,
  btoa,
  clearTimeout,
  crypto,
  performance,
  queueMicrotask,
  setTimeout,
  structuredClone,
};

/** The page's own program. */
const page = `
  import { Neuron } from "./src/neuron/index.ts";
  globalThis.serve = async (gatewayUrl, told) => {
    const neuron = new Neuron({ gatewayUrl, neuronId: "page", auth: () => "token" });
    neuron.on("connection:registered", ({ capabilities }) => told("registered " + capabilities));
    neuron.on("connection:close", (reason) => told("closed: " + reason));
    const schema = { type: "object", required: ["n"], properties: { n: { type: "integer" } } };
    neuron.handle({ type: "page/double", scope: "any", concurrency: 2, inputSchema: schema }, async ({ n }, ctx) => {
      ctx.progress({ percent: 50 });
      return { n: n * 2 };
    });
    await neuron.start();
    return neuron;
  };`;

describe("in a browser", () => {
  it(
    req("neuron.browser", "registers, checks schemas, reports progress, acks and stops, over fetch alone"),
    async () => {
      const { outputFiles } = await build({
        stdin: { contents: page, resolveDir: root, loader: "ts" },
        bundle: true,
        write: false,
        platform: "browser",
        format: "iife",
        target: "es2022",
        alias: BROWSER_ALIAS,
        logLevel: "silent",
      });
      const requests: string[] = [];
      const counted: typeof fetch = (input, init) => {
        requests.push(String(input).replace(/^.*\/neuron\//, ""));
        // A page has its own origin; what crosses here is plain data.
        return fetch(input as string, { ...init });
      };
      const world = createContext({ ...web, fetch: counted });
      expect(runInContext("typeof process + typeof Buffer + typeof require", world)).toBe(
        "undefined".repeat(3),
      );
      runInContext(outputFiles[0]!.text, world);

      const brain = await LocalBigBrain.start();
      cleanups.push(() => brain.close());
      const told: string[] = [];
      const serve = (
        world as { serve?: (url: string, tell: (line: string) => void) => Promise<{ stop(): Promise<void> }> }
      ).serve!;
      const registered = brain.until("registered");
      const neuron = await serve(brain.url, (line) => told.push(line));
      cleanups.push(() => neuron.stop());
      await registered;
      const done = await brain.submit({ capability: "page/double", input: { n: 21 } });
      expect(done).toMatchObject({ status: "completed", output: { n: 42 }, progress: [{ percent: 50 }] });
      expect(await brain.submit({ capability: "page/double", input: { n: "x" } })).toMatchObject({
        kind: "schema-mismatch",
        code: "INPUT_SCHEMA_MISMATCH",
      });
      await neuron.stop();
      expect(told).toEqual(["registered 1", "closed: clean close"]);
      expect(requests).toEqual(["events?neuronId=page", "register", "progress", "ack", "nack"]);
      expect(brain.refused).toEqual([]);
    },
  );
});
