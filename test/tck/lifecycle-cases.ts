/** Cases of a job's way through its states, each done by a real agent. */
import { ErrorCode, JobStatus } from "../../gen/cap/index.js";
import type { AgentContext } from "../../src/cap/agent/context.js";
import { cachedBytes, MemoryResultCache } from "../../src/cap/result-cache.js";
import type { Case } from "./cases.ts";
import { verdict } from "./verdict.ts";
import { inWorld, statesOf, type World } from "./world.ts";

const JOB = "tck-job";
const SECRET = "text of the exception";

/** Runs one job that says that it is running, and then ends as the handler says. */
function endsAs(status: JobStatus, end: (context: AgentContext) => unknown, granularStatus = false): Case {
  const handler = (context: AgentContext) => {
    context.progress({ percent: 50 });
    return end(context);
  };
  return () =>
    inWorld(
      handler,
      async (world) => {
        const request = await world.send({ jobId: JOB });
        const result = await world.result(JOB);
        const states = statesOf(world, JOB);
        const failed = status !== JobStatus.SUCCEEDED;
        return verdict(
          `RUNNING, then ${JobStatus[status]}`,
          {
            "RUNNING comes first, then one terminal result": sameTexts(states, [
              "RUNNING",
              JobStatus[status]!,
            ]),
            "the worker names itself": result.workerId === world.agent.workerId,
            "the error code is filled for a failure only":
              (result.errorCodeEnum !== ErrorCode.UNSPECIFIED) === failed &&
              (result.errorCode !== "") === failed,
            "the text of the exception stays here": !result.errorMessage.includes(SECRET),
            "a success has a result": failed || result.resultPtr === `redis://res:${JOB}`,
          },
          { states, traceId: request.traceId, errorCode: result.errorCodeEnum },
        );
      },
      { granularStatus },
    );
}

/** A repeat of the request, once and twice: answered with the same bytes, done once. */
const sameStateAgain: Case = async () => {
  let runs = 0;
  const handler = ({ progress }: AgentContext) => {
    runs++;
    progress({ percent: 10 });
    progress({ percent: 10 });
  };
  return inWorld(
    handler,
    async (world) => {
      for (let n = 1; n <= 3; n++) {
        await world.send({ jobId: JOB });
        await world.result(JOB, n);
      }
      return verdict(
        "RUNNING twice, SUCCEEDED three times",
        {
          "RUNNING after RUNNING is fine":
            statesOf(world, JOB).slice(0, 3).join() === "RUNNING,RUNNING,SUCCEEDED",
          "the same terminal state again is the same result": identical(world),
          "the job was done once": runs === 1,
        },
        { states: statesOf(world, JOB), runs },
      );
    },
    { dedupe: new MemoryResultCache() },
  );
};

/** A handler that goes on reporting after its result, and a second job that shows that nothing came of it. */
const noWayBack: Case = () => {
  let late: AgentContext | undefined;
  const handler = (context: AgentContext) => {
    if (context.jobId === JOB) late = context;
  };
  return inWorld(handler, async (world) => {
    await world.send({ jobId: JOB });
    await world.result(JOB);
    late?.progress({ percent: 10, message: "RUNNING again" });
    await world.send({ jobId: "after" });
    await world.result("after");
    return verdict(
      "RUNNING after SUCCEEDED is not sent",
      {
        "nothing follows the terminal result": sameTexts(statesOf(world, JOB), ["SUCCEEDED"]),
      },
      { states: statesOf(world, JOB) },
    );
  });
};

/** A cancel and a repeat after the end, where the repeat would end in another way. */
const noSecondEnd: Case = () => {
  let runs = 0;
  const handler = ({ jobId }: AgentContext) => {
    if (jobId === JOB && ++runs > 1) throw new Error("a second run");
  };
  return inWorld(
    handler,
    async (world) => {
      await world.send({ jobId: JOB });
      await world.result(JOB);
      await world.cancel(JOB);
      await world.send({ jobId: JOB });
      await world.result(JOB, 2);
      await world.send({ jobId: "after" });
      await world.result("after");
      return verdict(
        "no other end after the first",
        {
          "a cancel after the end changes nothing": !statesOf(world, JOB).includes("CANCELLED"),
          "a repeat is answered with the first result": identical(world) && runs === 1,
        },
        { states: statesOf(world, JOB), runs },
      );
    },
    { dedupe: new MemoryResultCache() },
  );
};

const honorsCancel: Case = () => {
  let aborted = false;
  const handler = ({ jobId, signal, progress }: AgentContext) => {
    if (jobId !== JOB) return undefined;
    return new Promise((_, reject) => {
      signal.addEventListener("abort", () => {
        aborted = true;
        reject(signal.reason);
      });
      progress({ percent: 1 });
    });
  };
  return inWorld(handler, async (world) => {
    await world.send({ jobId: JOB });
    await world.until("the job to run", () => statesOf(world, JOB).includes("RUNNING"));
    await world.cancel("another job");
    await world.send({ jobId: "other" });
    await world.result("other");
    const untouched = !aborted;
    await world.cancel(JOB);
    await world.result(JOB);
    return verdict(
      "RUNNING, then CANCELLED",
      {
        "a cancel of another job changes nothing": untouched,
        "the handler's signal fires": aborted,
        "one CANCELLED result": sameTexts(statesOf(world, JOB), ["RUNNING", "CANCELLED"]),
        "other jobs go on": statesOf(world, "other").includes("SUCCEEDED"),
      },
      { states: statesOf(world, JOB) },
    );
  });
};

/** Cases under `lifecycle/`. */
export const lifecycleCases: Readonly<Record<string, Case>> = {
  "lifecycle/worker-running-to-succeeded": endsAs(JobStatus.SUCCEEDED, () => ({ ok: true })),
  "lifecycle/worker-running-to-failed": endsAs(JobStatus.FAILED, () => {
    throw new Error(SECRET);
  }),
  "lifecycle/worker-running-to-failed-fatal": endsAs(
    JobStatus.FAILED_FATAL,
    (context) => context.fail("it can never be done", { code: "JOB_INVALID_INPUT" }),
    true,
  ),
  "lifecycle/worker-same-state-idempotent": sameStateAgain,
  "lifecycle/worker-rejects-backwards-transition": noWayBack,
  "lifecycle/worker-rejects-second-terminal": noSecondEnd,
};

/** Cases under `cancellation/`. */
export const cancellationCases: Readonly<Record<string, Case>> = {
  "cancellation/worker-honors-cancel": honorsCancel,
};

function identical(world: World): boolean {
  return new Set(world.results(JOB).map((result) => cachedBytes(result).join())).size === 1;
}

function sameTexts(seen: readonly string[], wanted: readonly string[]): boolean {
  return seen.join() === wanted.join();
}
