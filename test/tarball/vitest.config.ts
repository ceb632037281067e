import { defineConfig } from "vitest/config";

/** The tarball as others use it. Needs `pnpm build`. */
export default defineConfig({
  test: {
    include: ["test/tarball/*.test.ts"],
    globalSetup: "test/tarball/pack.ts",
    testTimeout: 300_000,
    hookTimeout: 300_000,
    fileParallelism: false,
  },
});
