import { defineConfig } from "vitest/config";

/** Pure tests share one module graph per worker (7× faster here); what needs processes, ports or root runs isolated and one file at a time. */
export default defineConfig({
  test: {
    projects: [
      {
        test: { name: "unit", setupFiles: "test/kit/seeded.ts", include: ["test/unit/**/*.test.ts", "test/scenarios/**/*.test.ts", "test/simulation/**/*.test.ts"], isolate: false, testTimeout: 60_000, hookTimeout: 60_000, expect: { poll: { timeout: 30_000 } } },
      },
      {
        test: {
          name: "real",
          setupFiles: "test/kit/seeded.ts",
          globalSetup: "test/kit/provide-kubectl.ts",
          include: ["test/storage/**/*.test.ts", "test/node/**/*.test.ts", "test/clients/**/*.test.ts", "test/e2e/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
