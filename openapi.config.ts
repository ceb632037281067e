import type { OpenapiConfig } from "./scripts/gen/config.ts";

/** Every spec that `pnpm gen` and `pnpm specs:check` work on. */
export default {
  specs: {
    neuron: {
      input: "specs/neuron/openapi.yaml",
      output: "gen/neuron",
      clientName: "Neuron",
      recordings: { format: "neuron", folder: "test/vectors/neuron/traces" },
    },
    "4runr": {
      input: "specs/4runr/openapi.yaml",
      output: "gen/4runr",
      clientName: "FourRunr",
      camelCase: true,
      recordings: { format: "gateway", folder: "test/vectors/4runr" },
    },
  },
  options: {
    proto: {
      input: "specs/cap",
      output: "gen/cap",
      subjects: "specs/cap/subjects.yaml",
      packet: "cordum/agent/v1/buspacket.proto",
      baseline: "specs/cap/baseline.binpb",
    },
    differences: "test/expected-differences.yaml",
  },
} satisfies OpenapiConfig;
