import { expect, test } from "vitest";
import { awaitFirstSync, type FirstSyncOptions } from "../../engine/first-sync.ts";
import { NEVER } from "../../engine/lib/abort.ts";
import { systemClock } from "../../engine/lib/clock.ts";

test("without nodes of its own a start waits for the commit to be stored and for how it fares to be looked at, not for health", async () => {
  const told: string[] = [];
  const healths = ["Unknown", "Unknown", "Progressing"];
  const options = {
    awaitHealth: false,
    clock: systemClock,
    gitops: {
      firstSyncHealthy: new Promise(() => {}),
      facts: () => ({ commit: { id: "a" }, sync: { state: "applied" }, repository: {}, applications: [{ name: "web", health: healths.shift() ?? "none left", ready: "0/1", reason: "" }] }),
    },
    progress: { step: () => ({ note: (text: string) => void told.push(text), done: (text: string) => void told.push(`done: ${text}`), failed: () => {} }) },
  } as unknown as FirstSyncOptions;
  expect(await awaitFirstSync(options, NEVER)).toBe(true);
  expect(told).toEqual(["web Unknown 0/1", "web Unknown 0/1", "done: 1 application"]);
});
