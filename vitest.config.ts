import { defineConfig } from "vitest/config";

/**
 * Pure tests first, on all processors. Then what needs processes, ports or root: two files at a time on every machine, because each of them
 * starts several programs and much of it waits. Machines are told apart by their network namespaces, servers by their ports.
 * Files of a worker share one module graph: importing the engine anew takes longer than most of them.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          setupFiles: "test/kit/seeded.ts",
          include: ["test/unit/**/*.test.ts", "test/scenarios/**/*.test.ts", "test/simulation/**/*.test.ts"],
          isolate: false,
          maxWorkers: "100%",
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 30_000 } },
        },
      },
      {
        test: {
          name: "real",
          setupFiles: "test/kit/seeded.ts",
          globalSetup: "test/kit/provide-kubectl.ts",
          include: ["test/storage/**/*.test.ts", "test/node/**/*.test.ts", "test/clients/**/*.test.ts", "test/e2e/**/*.test.ts"],
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
          expect: { poll: { timeout: 30_000 } },
        },
      },
    ],
  },
});
