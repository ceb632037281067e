/** `pnpm bench generate`: `agentwire gen` for a document with 103 operations, and openapi-typescript alone. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";
import { generate } from "../src/generate/index.ts";
import { formatMeasured, type Measured, measure } from "./measure.ts";

const root = join(import.meta.dirname, "..");
const openapi = "specs/aureus/console.yaml";
const document = pathToFileURL(join(root, openapi));
// As `agentwire gen specs/aureus/console.yaml` does it, but without writing.
const config = { specs: { console: { openapi, out: "gen/console" } } };

async function repeat(times: number, work: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < times; i++) await work();
}

/** Measures, prints and returns the rows. */
export default async function bench(): Promise<Measured[]> {
  const alone = "openapi-typescript alone: types";
  const types = async () => astToString(await openapiTS(document, { silent: true }));
  const all = () => generate({ root, config, check: true });
  const rows = await measure(
    [
      { name: alone, run: (times) => repeat(times, types) },
      {
        name: "agentwire gen: types, client, models, operations",
        run: (times) => repeat(times, all),
        against: alone,
      },
    ],
    { windowMs: 3000 },
  );
  console.log(formatMeasured("generate (specs/aureus/console.yaml, 103 operations, in memory)", rows));
  return rows;
}
