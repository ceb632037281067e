import type { OpenapiConfig } from "./src/generate/config.ts";

/** Every spec that `pnpm gen` and `pnpm specs:check` work on. */
export default {
  specs: {
    neuron: {
      input: "specs/neuron/openapi.yaml",
      output: "gen/neuron",
      clientName: "NeuronClient",
      recordings: { format: "neuron", folder: "test/vectors/neuron/traces" },
    },
    "aureus/v1": {
      input: "specs/aureus/v1.yaml",
      output: "gen/aureus/v1",
      clientName: "AureusV1Client",
      camelCase: true,
      allShapes: true, // nulls are taken out of every object
      baseline: "specs/aureus/v1.baseline.yaml",
      acceptedBreaks: "specs/aureus/v1.accepted-breaks.yaml",
      recordings: { format: "aureus-v1", folder: "test/vectors/aureus" },
    },
    "aureus/console": {
      input: "specs/aureus/console.yaml",
      output: "gen/aureus/console",
      clientName: "AureusConsoleApi",
      baseline: "specs/aureus/console.baseline.yaml",
      acceptedBreaks: "specs/aureus/console.accepted-breaks.yaml",
      recordings: { format: "aureus-console", folder: "test/vectors/aureus" },
    },
    "4runr": {
      input: "specs/4runr/openapi.yaml",
      output: "gen/4runr",
      clientName: "FourRunrClient",
      camelCase: true,
      operationGroups: { agentOperations: ["generateToken", "proxyRequest", "getJob"] },
      recordings: { format: "gateway", folder: "test/vectors/4runr" },
    },
  },
  options: {
    proto: {
      input: "specs/cap",
      output: "gen/cap",
      subjects: "specs/cap/subjects.yaml",
      rules: "specs/cap/rules.yaml",
      errors: "specs/cap/errors.yaml",
      packet: "cordum/agent/v1/buspacket.proto",
      baseline: "specs/cap/baseline.binpb",
    },
    differences: "test/expected-differences.yaml",
  },
} satisfies OpenapiConfig;
