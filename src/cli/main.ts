#!/usr/bin/env node
/** The `agentwire` command. */
import { processIo } from "./io.js";
import { runCli } from "./run.js";

const controller = new AbortController();

/** The first signal ends the command cleanly, the next one ends the process. */
function onStops(): void {
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, () => controller.abort());
}

// Whoever reads the output may stop reading, as `head` does.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await runCli(process.argv.slice(2), processIo(controller.signal), { onStops });
