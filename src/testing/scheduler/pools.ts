/** Which worker gets a job: the least loaded one of a pool that serves its topic (Cordum's scheduler). */
import type { Heartbeat, JobRequest } from "../../../gen/cap/index.js";
import { workerSubject } from "../../../gen/cap/index.js";

/** A pool of workers. */
export interface Pool {
  /** What its workers have; a job goes there only if all of its `meta.requires` are among these. */
  readonly requires?: readonly string[] | undefined;
}

/** The table of a `pools.yaml`: which pools serve a topic, and what each of them has. */
export interface PoolTable {
  /** Name of the pool, or of several, by topic. A heartbeat's `pool` is such a name, not a subject. */
  readonly topics: Readonly<Record<string, string | readonly string[]>>;
  readonly pools?: Readonly<Record<string, Pool | undefined>> | undefined;
}

/** Where a job goes, or why it cannot go now. `no_pool_mapping` is final, the others are tried again. */
export type Placement =
  | { readonly subject: string; readonly workerId?: string }
  | { readonly problem: "no_pool_mapping" | "no_workers" | "pool_overloaded"; readonly reason: string };

/** Labels that say something about the job, not about the worker it needs. */
const NOT_PLACEMENT = new Set([
  "preferred_worker_id",
  "preferred_pool",
  "approval_granted",
  "secrets_present",
  "workflow_id",
  "run_id",
  "step_id",
  "node_id",
  "worker_id",
]);

const OVERLOADED_SHARE = 0.9;
const OVERLOADED_PERCENT = 90;

/** Whether a worker takes no more: nine tenths of its slots are taken, or its CPU or GPU is at 90 percent. */
export function isOverloaded(heartbeat: Heartbeat): boolean {
  const { activeJobs, maxParallelJobs, cpuLoad, gpuUtilization } = heartbeat;
  if (maxParallelJobs > 0 && activeJobs / maxParallelJobs >= OVERLOADED_SHARE) return true;
  return cpuLoad >= OVERLOADED_PERCENT || gpuUtilization >= OVERLOADED_PERCENT;
}

/** How loaded a worker is; the lowest gets the job. */
export function loadScore({ activeJobs, cpuLoad, gpuUtilization }: Heartbeat): number {
  return activeJobs + cpuLoad / 100 + gpuUtilization / 100;
}

/** Finds the subject for a job among the workers that are alive. */
export function placeJob(
  request: JobRequest,
  table: PoolTable,
  workers: ReadonlyMap<string, Heartbeat>,
): Placement {
  const pools = poolsFor(request, table);
  if (!Array.isArray(pools)) return { problem: "no_pool_mapping", reason: `no_pool_mapping: ${pools}` };

  const wanted = placementLabels(request);
  const fits = (heartbeat: Heartbeat): boolean =>
    pools.includes(heartbeat.pool) && wanted.every(([key, value]) => heartbeat.labels[key] === value);
  const candidates = [...workers.values()].filter(fits);
  const free = candidates.filter((heartbeat) => !isOverloaded(heartbeat));
  const preferred = free.find(({ workerId }) => workerId === request.labels.preferred_worker_id);
  const chosen = preferred ?? least(free);
  if (chosen === undefined) {
    const problem = candidates.length > 0 ? "pool_overloaded" : "no_workers";
    return { problem, reason: `${problem}: pool ${JSON.stringify(pools.join(","))}` };
  }
  // A worker without an id cannot be addressed: any of its queue group gets the job.
  if (chosen.workerId === "") return { subject: request.topic };
  return { subject: workerSubject(chosen.workerId), workerId: chosen.workerId };
}

/** The pools that may take a job, or why there is none. */
function poolsFor(request: JobRequest, table: PoolTable): string[] | string {
  const { topic, labels, meta } = request;
  const mapped = Object.hasOwn(table.topics, topic) ? [table.topics[topic] ?? []].flat() : [];
  const preferred = labels.preferred_pool;
  if (preferred && !mapped.includes(preferred)) {
    return `preferred pool ${JSON.stringify(preferred)} not mapped for topic ${JSON.stringify(topic)}`;
  }
  const pools = preferred ? [preferred] : mapped;
  if (pools.length === 0) return `topic ${JSON.stringify(topic)}`;
  const requires = normal(meta?.requires ?? []);
  const eligible = pools.filter((name) => {
    const has = normal((Object.hasOwn(table.pools ?? {}, name) && table.pools?.[name]?.requires) || []);
    return requires.every((need) => has.includes(need));
  });
  return eligible.length > 0 ? eligible : "no pool satisfies requires";
}

function normal(requirements: readonly string[]): string[] {
  return requirements.map((text) => text.trim().toLowerCase()).filter((text) => text !== "");
}

function placementLabels({ labels }: JobRequest): [string, string][] {
  return Object.entries(labels).filter(([key]) => !NOT_PLACEMENT.has(key) && !key.startsWith("cordum."));
}

function least(workers: readonly Heartbeat[]): Heartbeat | undefined {
  let best: Heartbeat | undefined;
  for (const worker of workers) {
    if (best === undefined || loadScore(worker) < loadScore(best)) best = worker;
  }
  return best;
}
