/**
 * BIGBRAIN_GATEWAY_URL=… BIGBRAIN_NEURON_ID=… BIGBRAIN_TOKEN=… tsx examples/neuron-mcp-bridge/main.ts [PROGRAM ARGS…]
 * Serves the tools of an MCP server, by default those of server.ts.
 */
import { join } from "node:path";
import { neuronFrom, onSignal, report } from "../neuron-shared/run.ts";
import { startBridge } from "./bridge.ts";

const own = [process.execPath, "--import", "tsx", join(import.meta.dirname, "server.ts")];
const [command, ...args] = process.argv.length > 2 ? process.argv.slice(2) : own;

const bridge = await startBridge({
  command: command!,
  args,
  prefix: "examples/mcp",
  newNeuron: () => report(neuronFrom(process.env)),
  log: console.log,
});
onSignal(() => bridge.close());
await bridge.closed;
// Not by a signal: whoever supervises this process may start it again.
await bridge.close();
process.exitCode = 1;
