/** How busy this machine is, for heartbeats. */
import { builtinModule } from "../../core/builtin.js";

/** Loads in percent, 0 to 100. A scheduler gives no jobs to a worker whose CPU or GPU is at 90. */
export interface LoadSample {
  readonly cpuLoad?: number | undefined;
  readonly memoryLoad?: number | undefined;
  readonly gpuUtilization?: number | undefined;
}

/**
 * Measures this process: CPU time since the last sample as a share of all cores, and resident memory as a
 * share of what the process may have. Gives 0 where the platform does not tell.
 */
export function processLoad(): () => LoadSample {
  const host = (globalThis as { readonly process?: Partial<NodeJS.Process> }).process;
  const os = builtinModule<typeof import("node:os")>("node:os");
  if (host?.cpuUsage === undefined || host.memoryUsage === undefined || os === undefined) return () => ({});
  const used = (): number => {
    const { user, system } = host.cpuUsage!();
    return (user + system) / 1000;
  };
  let last = { at: performance.now(), usedMs: used() };
  let cpuLoad = 0;
  return () => {
    const now = { at: performance.now(), usedMs: used() };
    const availableMs = (now.at - last.at) * os.availableParallelism();
    if (availableMs > 0) cpuLoad = percent((now.usedMs - last.usedMs) / availableMs);
    last = now;
    const limit = host.constrainedMemory?.() ?? 0;
    const memory = limit > 0 && limit < os.totalmem() ? limit : os.totalmem();
    return { cpuLoad, memoryLoad: percent(host.memoryUsage!.rss() / memory) };
  };
}

function percent(share: number): number {
  return Math.min(100, Math.max(0, Math.round(share * 1000) / 10));
}
