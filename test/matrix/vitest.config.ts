import { defineConfig } from "vitest/config";
import base from "../../vitest.config.ts";

/** The tarball on every runtime. Needs `pnpm build`, and Linux on x64. */
export default defineConfig({
  resolve: base.resolve ?? {},
  test: {
    include: ["test/matrix/matrix.test.ts"],
    globalSetup: "test/matrix/project.ts",
    testTimeout: 400_000,
    hookTimeout: 400_000,
  },
});
