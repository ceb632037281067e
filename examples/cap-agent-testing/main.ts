import { defineHandler } from "agentwire/handler";
import { FakeClock, memoryAgentPair, runHandler } from "agentwire/testing";

const double = defineHandler({
  input: { type: "number" },
  run: async (input, ctx) => {
    ctx.progress({ percent: 50 });
    return Number(input) * 2;
  },
});

// One run, without a bus or a store.
const run = await runHandler(double, 21);
console.log(run.output, run.progress[0]?.percent);
console.log((await runHandler(double, "x")).result.errorMessage);

// Time stands still until the test moves it.
const clock = new FakeClock();
const slow = runHandler(() => new Promise(() => {}), null, {
  clock,
  request: { budget: { deadlineMs: 60_000n } },
});
console.log((await clock.until(slow)).result.errorCode);

// An agent and its client in one process, with a scheduler between them.
const pair = memoryAgentPair();
pair.agent.job("job.double", double);
await pair.start();
console.log((await pair.submit("job.double", 4)).output);
await pair.close();
