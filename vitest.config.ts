import { defaultExclude, defineConfig } from "vitest/config";

/** They end what hangs and judge no speed: a machine that is busy with other things must not fail a test. */
const patienceMs = 180_000;
const expectation = { poll: { timeout: 120_000, interval: 10 } };

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
      isolate: false,
      testTimeout: patienceMs,
      hookTimeout: patienceMs,
      expect: expectation,
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
          // One process runs file after file, so that what they import is read once: half of the time went into reading it again. Modules keep no
          // state that one file could leave to the next, and what a file starts it stops.
          isolate: false,
          // Vitest's own choice leaves a processor unused: half of a small machine.
          maxWorkers: "100%",
          testTimeout: patienceMs,
          hookTimeout: patienceMs,
          expect: expectation,
          globalSetup: ["packages/testkit/src/vitest-setup.ts"],
          setupFiles: ["packages/testkit/src/vitest-worker-setup.ts"],
        },
      },
      {
        test: {
          name: "conformance",
          include: conformance,
          testTimeout: patienceMs,
          hookTimeout: patienceMs,
          expect: expectation,
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
