/** What must hold after the demo. */
import { JobStatus } from "../../../gen/cap/index.js";
import type { TaskOutcome } from "../../testing/big-brain/types.js";
import type { BigBrainStats } from "../../testing/local-big-brain.js";
import type { HeardPacket } from "./cap-side.js";
import type { DigestOutput } from "./digest.js";
import type { DemoJob } from "./play.js";
import { summarize } from "./summarize.js";
import type { DemoHop } from "./trace.js";

/** One statement about what was seen, and whether it held. */
export interface DemoCheck {
  readonly name: string;
  readonly held: boolean;
}

/** What was seen. */
export interface DemoFacts {
  readonly text: string;
  readonly heard: readonly HeardPacket[];
  readonly hops: readonly DemoHop[];
  readonly job: DemoJob;
  readonly heldBack: DemoJob;
  readonly task: TaskOutcome;
  readonly brain: BigBrainStats;
  readonly saved: string;
  readonly refused: number;
}

/** Judges what was seen. */
export function demoChecks(facts: DemoFacts): DemoCheck[] {
  const { heard, hops, job, heldBack, task, brain } = facts;
  const genuine = heard.slice(0, -1);
  const forged = heard.at(-1);
  const expected = JSON.stringify(summarize(facts.text));
  const overNeuron = task.status === "completed" ? (task.output as DigestOutput) : undefined;
  const calls = (wire: string, what: string) =>
    hops.filter((hop) => hop.wire === wire && hop.what === what && hop.good).length;
  const decisions = hops
    .filter(({ what }) => what.startsWith("action "))
    .map(({ note }) => note.split(":")[0]);
  const order = genuine
    .filter(({ payload }) => payload !== "jobProgress")
    .map(({ payload, sender }) => `${payload} ${sender}`);
  const oneJob = ["jobRequest demo-client", "jobRequest cordum-scheduler", "jobResult demo-agent"];
  return [
    {
      name: `CAP: all ${genuine.length} packets carry a signature that verifies`,
      held: genuine.length >= 6 && genuine.every(({ verified }) => verified),
    },
    {
      name: "CAP: each job was submitted, dispatched and answered, in this order",
      held: order.join() === [...oneJob, ...oneJob].join(),
    },
    {
      name: "CAP: a copy of a job with one changed letter was refused",
      held: forged?.verified === false && facts.refused === 1,
    },
    {
      name: "CAP: the job ended SUCCEEDED, and its output equals the same computation made here",
      held: job.status === JobStatus.SUCCEEDED && JSON.stringify(job.output?.summary) === expected,
    },
    {
      name: "neuron: the lease was answered once, with the same output",
      held:
        brain.leases === 1 &&
        brain.answered === 1 &&
        brain.answeredTwice === 0 &&
        JSON.stringify(overNeuron?.summary) === expected,
    },
    {
      name: "4Runr: the page was fetched through the gateway three times",
      held: calls("4runr", "POST /api/proxy-request") === 3,
    },
    {
      name: "Aureus: both summaries were allowed and passed the gate, the publication was held back",
      held: decisions.join() === "allowed,allowed,held back" && calls("aureus", "gate summary") === 2,
    },
    {
      name: "CAP: the job that was held back ended FAILED with the code for a denial",
      held: heldBack.status === JobStatus.FAILED && heldBack.errorCode === "DENIED",
    },
    { name: "the summary that was allowed is on disk", held: facts.saved === expected },
  ];
}
