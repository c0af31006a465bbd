import { expect, test } from "vitest";
import { apiServiceResource } from "../../../../engine/resources/apiregistration/api-service.ts";
import type { Clock } from "../../../../engine/lib/clock.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { availabilityService } from "../../../../engine/server/aggregation/availability.ts";
import { startTestApi } from "../../../kit/test-api.ts";

test("an aggregated API that has been away for long is found within a minute of its coming", async () => {
  await using api = await startTestApi();
  const delays: number[] = [];
  let time = Date.parse("2026-01-01T00:00:00Z");
  const clock: Clock = {
    now: () => time,
    monotonic: () => time,
    after(delayMs, callback) {
      delays.push(delayMs);
      const timer = setImmediate(() => {
        time += delayMs;
        callback();
      });
      return () => clearImmediate(timer);
    },
  };
  const running = new AbortController();
  const ended = availabilityService({ aggregator: api.server.parts.aggregator, store: api.store, client: api.client, clock, logger: silentLogger }).run(running.signal);
  await api.client.for(apiServiceResource).create({
    apiVersion: "apiregistration.k8s.io/v1",
    kind: "APIService",
    metadata: { name: "v1.away.example.com" },
    spec: { group: "away.example.com", version: "v1", groupPriorityMinimum: 1, versionPriority: 1, insecureSkipTLSVerify: true, service: { namespace: "default", name: "away" } },
  });
  await expect.poll(() => delays.length, { timeout: 20_000 }).toBeGreaterThan(80);
  running.abort();
  await ended;
  expect(Math.max(...delays)).toBeLessThanOrEqual(60_000);
});
