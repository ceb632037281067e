/** How much the fault runs do. `AGENTWIRE_FAULTS=full` (`pnpm test:faults`) makes them the whole runs. */
export const full = process.env.AGENTWIRE_FAULTS === "full";

/** What the documents speak of. */
export const WHOLE = {
  jetStream: { jobs: 5_000, restarts: 5, kills: 5 },
  neuron: { tasks: 5_000, restarts: 12, seeds: [6, 28] },
  scripts: { seeds: Array.from({ length: 5 }, (_, i) => i + 1), works: 500, steps: 25, stops: 250 },
  restarts: { works: 2_000, steps: 12 },
};

/** What every run of the tests does. */
const SHORT: typeof WHOLE = {
  jetStream: { jobs: 600, restarts: 2, kills: 2 },
  neuron: { tasks: 2_000, restarts: 5, seeds: [6] },
  scripts: { seeds: [1], works: 120, steps: 20, stops: 10 },
  restarts: { works: 100, steps: 2 },
};

export const sizes = full ? WHOLE : SHORT;
