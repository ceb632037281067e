import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findBreaks } from "../../src/generate/check/own-breaks.ts";
import { SpecError } from "../../src/generate/finding.ts";
import { asRecord, type OpenApi, readOpenApi, refPath, valueAt } from "../../src/generate/openapi/openapi.ts";
import { generate as generateSpecs } from "../../src/generate/run.ts";

/** How a step ended: `ok`, or the first line of why not. */
export type Outcome = "ok" | (string & {});

/** What became of one document. */
export interface DocumentRow {
  readonly name: string;
  /** Version of OpenAPI. */
  readonly version: string;
  readonly kB: number;
  readonly operations: number;
  readonly generated: Outcome;
  readonly compiles: Outcome;
  readonly camelCase: Outcome;
  /** To generate it, without camelCase. */
  readonly seconds: number;
  /** Breaks found against itself, with one response member removed, and against itself again; undefined where not compared. */
  readonly breaks?: { readonly found: readonly [number, number, number]; readonly member: string };
}

/** Folder of generated files below the cache, by mode and document. */
export function outputOf(mode: "default" | "camelCase", name: string): string {
  return `out/${mode}/${name}`;
}

function reasonOf(error: unknown): string {
  const { message, stack = "" } = error as Error;
  const [first = "", ...more] = message.split("\n");
  // Anything else than a SpecError is a bug of ours, and says where it was thrown.
  const text = error instanceof SpecError ? first : `${first} ${/\bat .*/.exec(stack)?.[0] ?? ""}`;
  return more.length > 0 && error instanceof SpecError ? `${text} (and ${more.length} more)` : text;
}

async function generate(cache: string, name: string, input: string, camelCase: boolean): Promise<Outcome> {
  const out = outputOf(camelCase ? "camelCase" : "default", name);
  try {
    const spec = { openapi: input, out, client: "CorpusClient", camelCase };
    await generateSpecs({ root: cache, config: { specs: { [name]: spec } } });
    return "ok";
  } catch (error) {
    return reasonOf(error);
  }
}

/** A document without the first member of the first response that is an object with members. */
function withoutMember(api: OpenApi): { data: unknown; member: string } | undefined {
  const data: unknown = structuredClone(api.source.data);
  for (const { responses } of api.operations) {
    for (const [status, { path }] of Object.entries(responses)) {
      let schema = asRecord(valueAt(data, path));
      if (typeof schema.$ref === "string") schema = asRecord(valueAt(data, refPath(schema.$ref)));
      const properties = asRecord(schema.properties) as Record<string, unknown>;
      const [member] = Object.keys(properties);
      if (!status.startsWith("2") || member === undefined) continue;
      delete properties[member];
      if (Array.isArray(schema.required)) schema.required.splice(schema.required.indexOf(member) >>> 0, 1);
      return { data, member };
    }
  }
  return undefined;
}

function compare(cache: string, name: string, input: string): DocumentRow["breaks"] {
  const before = readOpenApi(cache, input);
  const changed = withoutMember(before);
  if (changed === undefined) return undefined;
  const file = `out/changed/${name}.json`;
  mkdirSync(join(cache, "out", "changed"), { recursive: true });
  writeFileSync(join(cache, file), JSON.stringify(changed.data));
  const [same, without] = [readOpenApi(cache, input), readOpenApi(cache, file)];
  const count = (after: OpenApi) => findBreaks(before, after).length;
  return { found: [count(same), count(without), count(same)], member: changed.member };
}

/** Generates one document in both modes. `compiles` and `camelCase` say `ok` for what is still to be compiled. */
export async function runDocument(
  cache: string,
  name: string,
  input: string,
  isCompared: boolean,
): Promise<DocumentRow> {
  const kB = Math.round(statSync(join(cache, input)).size / 1000);
  let [version, operations] = ["?", 0];
  try {
    const api = readOpenApi(cache, input);
    version = /["']?openapi["']?\s*:\s*["']?([\d.]+)/.exec(api.source.text)?.[1] ?? "?";
    operations = api.operations.length;
  } catch {
    // What is wrong is said by the step that generates.
  }
  const start = performance.now();
  const generated = await generate(cache, name, input, false);
  const seconds = (performance.now() - start) / 1000;
  const camelCase = await generate(cache, name, input, true);
  const breaks = isCompared && generated === "ok" ? compare(cache, name, input) : undefined;
  const compiles = generated === "ok" ? "ok" : "not generated";
  return {
    name,
    version,
    kB,
    operations,
    generated,
    compiles,
    camelCase,
    seconds,
    ...(breaks && { breaks }),
  };
}
