import { defaultExclude, defineConfig } from "vitest/config";

/** They need a broker; whether every statement has its test needs none. */
const conformance = ["test/conformance/**/!(statements).test.ts"];
const unit = ["packages/*/src/**/*.test.ts", "apps/*/src/**/*.test.ts", "test/**/*.test.ts", "bench/**/*.test.ts"];

/** The same e2e files against the platform in one process, and against the services of docker-compose.yml as processes. */
function e2e(mode: "all-in-one" | "split") {
  return {
    test: {
      name: `e2e-${mode}`,
      include: ["test/e2e/**/*.e2e.ts"],
      env: { MOORING_TEST_MODE: mode },
      globalSetup: ["test/e2e/harness/global-setup.ts"],
      fileParallelism: false,
      testTimeout: 60_000,
      hookTimeout: 120_000,
    },
  };
}

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: unit,
          exclude: [...defaultExclude, ...conformance],
          testTimeout: 30_000,
          hookTimeout: 120_000,
          globalSetup: ["packages/testkit/src/vitest-setup.ts"],
        },
      },
      {
        test: {
          name: "conformance",
          include: conformance,
          testTimeout: 30_000,
          hookTimeout: 120_000,
          globalSetup: ["test/conformance/setup.ts"],
          // Most of its time these tests wait for seconds to pass.
          maxConcurrency: 40,
          maxWorkers: 4,
        },
      },
      e2e("all-in-one"),
      e2e("split"),
    ],
  },
});
