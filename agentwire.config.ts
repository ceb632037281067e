import { defineConfig } from "./src/generate/index.ts";

/** Every spec that `pnpm gen` and `pnpm specs:check` work on. */
export default defineConfig({
  specs: {
    cap: {
      proto: "specs/cap",
      out: "gen/cap",
      cap: {
        packet: "cordum/agent/v1/buspacket.proto",
        subjects: "specs/cap/subjects.yaml",
        rules: "specs/cap/rules.yaml",
        errors: "specs/cap/errors.yaml",
      },
      baseline: "specs/cap/baseline.binpb",
      acceptedBreaks: "specs/cap/accepted-breaks.yaml",
      rules: "house",
    },
    neuron: {
      openapi: "specs/neuron/openapi.yaml",
      out: "gen/neuron",
      schemas: true,
      baseline: "specs/neuron/baseline.yaml",
      acceptedBreaks: "specs/neuron/accepted-breaks.yaml",
      rules: "house",
    },
    "aureus/v1": {
      openapi: "specs/aureus/v1.yaml",
      out: "gen/aureus/v1",
      camelCase: true,
      allShapes: true, // nulls are taken out of every object
      proof: true,
      schemas: true,
      baseline: "specs/aureus/v1.baseline.yaml",
      acceptedBreaks: "specs/aureus/v1.accepted-breaks.yaml",
      rules: "house",
    },
    "aureus/console": {
      openapi: "specs/aureus/console.yaml",
      out: "gen/aureus/console",
      client: "AureusConsoleApi",
      schemas: true,
      baseline: "specs/aureus/console.baseline.yaml",
      acceptedBreaks: "specs/aureus/console.accepted-breaks.yaml",
      rules: "house",
    },
    "4runr": {
      openapi: "specs/4runr/openapi.yaml",
      out: "gen/4runr",
      client: "FourRunrClient",
      camelCase: true,
      operationGroups: { agentOperations: ["generateToken", "proxyRequest", "getJob"] },
      proof: true,
      schemas: true,
      baseline: "specs/4runr/baseline.yaml",
      acceptedBreaks: "specs/4runr/accepted-breaks.yaml",
      rules: "house",
    },
  },
});
