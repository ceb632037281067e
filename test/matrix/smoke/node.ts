/** Node, Bun and Deno: the local servers and the programs in one process; prints the results as one line of JSON. */
import { partNames, runParts, type SmokeResult } from "./parts.js";
import { startPeers } from "./peers.js";

const entries = JSON.parse(process.argv[2] ?? "[]") as string[];
const results: SmokeResult[] = [];
try {
  for (const entry of entries) await import(entry);
  results.push({ part: "entries", ok: true, detail: `${entries.length} imported` });
} catch (error) {
  results.push({ part: "entries", ok: false, detail: String(error) });
}
try {
  const peers = await startPeers();
  results.push(...(await runParts(peers)));
  await peers.settled();
  await peers.close();
} catch (error) {
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  results.push(...partNames.map((part) => ({ part, ok: false, detail })));
}
process.stdout.write(`RESULTS ${JSON.stringify(results)}\n`);
process.exit(0);
