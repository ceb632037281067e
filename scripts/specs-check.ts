/**
 * `pnpm specs:check`: what `agentwire check` does, then the recorded traffic of each protocol against its document.
 */
import { join } from "node:path";
import config from "../agentwire.config.ts";
import { EXIT } from "../src/cli/exit-codes.ts";
import { processIo } from "../src/cli/io.ts";
import { runCli } from "../src/cli/run.ts";
import { fullSpec } from "../src/generate/openapi/files.ts";
import { readOpenApi } from "../src/generate/openapi/openapi.ts";
import { readAureusRecordings } from "./recordings/aureus.ts";
import { loadDifferences } from "./recordings/differences.ts";
import { readGatewayRecordings } from "./recordings/gateway.ts";
import { judgeRecordings } from "./recordings/judge.ts";
import { readNeuronRecordings } from "./recordings/neuron.ts";

const root = join(import.meta.dirname, "..");
const differences = loadDifferences(join(root, "test/expected-differences.yaml"));
const readers = {
  neuron: [readNeuronRecordings, "test/vectors/neuron/traces"],
  "aureus/v1": [readAureusRecordings("sdk-vs-"), "test/vectors/aureus"],
  "aureus/console": [readAureusRecordings("console-"), "test/vectors/aureus"],
  "4runr": [readGatewayRecordings, "test/vectors/4runr"],
} as const;

const argv = process.argv.slice(2);
process.exitCode = await runCli(["check", ...argv], processIo(new AbortController().signal));
if (argv.length === 0) {
  for (const [name, [read, folder]] of Object.entries(readers)) {
    const { openapi, schemaId } = fullSpec(name, config.specs[name as keyof typeof readers]);
    const api = readOpenApi(root, openapi);
    const recordings = read(root, folder, api, `specs/${name}`);
    const { summary, findings } = judgeRecordings(name, api, schemaId, recordings, differences);
    console.log(`${findings.length === 0 ? "ok  " : "FAIL"} recordings ${name}: ${summary}`);
    for (const finding of findings) console.log(`  ${finding}`);
    if (findings.length > 0) process.exitCode ||= EXIT.no;
  }
}
