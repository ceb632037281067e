import { availableParallelism } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

const root = import.meta.dirname;
const report = process.env.AGENTWIRE_TEST_REPORT;

export default defineConfig({
  resolve: {
    // Examples import the package by its name; tests run them on the sources.
    alias: [
      { find: "#transport", replacement: join(root, "src/http/transport-node.ts") },
      { find: /^agentwire\/gen\/(.+)$/, replacement: join(root, "gen/$1/index.ts") },
      { find: /^agentwire\/(.+)$/, replacement: join(root, "src/$1/index.ts") },
      { find: /^agentwire$/, replacement: join(root, "src/index.ts") },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    // They need the built package: `pnpm package:check`, `pnpm first-hour` and `pnpm matrix`.
    exclude: ["test/tarball/**", "test/matrix/matrix.test.ts"],
    testTimeout: 120_000, // a busy machine must not fail tests
    hookTimeout: 120_000,
    maxWorkers: Math.max(2, availableParallelism() - 1), // many tests wait for processes they start
    expect: { poll: { timeout: 60_000 } },
    ...(report && { reporters: ["default", ["json", { outputFile: report }]] }),
    env: { AGENTWIRE_LOG: process.env.AGENTWIRE_TEST_LOG ?? "silent" },
  },
});
