import { describe, expect, test } from "vitest";
import { resolveAgentConfig } from "../../../../node-agent/config.ts";
import { DEFAULT_EVICTION_HARD, parseGracePeriods, parseThresholds } from "../../../../node-agent/resources/thresholds.ts";

const MI = 2 ** 20;

describe("thresholds", () => {
  test("are read as amounts and as shares", () => {
    expect(parseThresholds("memory.available<100Mi, nodefs.available<10%").map(({ signal, value, graceMs }) => ({ signal, value, graceMs }))).toEqual([
      { signal: "memory.available", value: { is: "amount", amount: 100 * MI }, graceMs: 0 },
      { signal: "nodefs.available", value: { is: "share", share: 0.1 }, graceMs: 0 },
    ]);
    expect(parseGracePeriods("memory.available=1m30s,nodefs.available=2h").get("memory.available")).toBe(90_000);
  });

  test.each([
    ["memory.free<1Mi", 'eviction threshold "memory.free<1Mi": the signal must be one of'],
    ["memory.available<lots", 'eviction threshold "memory.available<lots"'],
    ["nodefs.available<120%", "the share must be from 0% to 100%"],
    ["memory.available<-1Mi", "the amount must not be negative"],
  ])("that say nothing sensible are named: %s", (text, message) => {
    expect(() => parseThresholds(text)).toThrow(message);
  });

  test("that are soft need a grace period, and options are judged before the agent starts", () => {
    expect(() => parseThresholds("memory.available<1Gi", new Map())).toThrow("a soft threshold needs a grace period");
    const resolve = (flags: Record<string, string>) => () => resolveAgentConfig({ kubeconfig: "k", ...flags }, {});
    expect(resolve({ evictionSoft: "memory.available<1Gi" })).toThrow("needs a grace period");
    expect(resolve({ imageGcHighThreshold: "70" })).toThrow("--image-gc-low-threshold 80 must be below --image-gc-high-threshold 70");
    expect(resolve({ podMaxPids: "many" })).toThrow('--pod-max-pids "many": must be a whole number');
    expect(resolve({ systemReserved: "disks=1" })).toThrow('reserved "disks=1"');
    expect(resolve({})().evictionHard).toBe(DEFAULT_EVICTION_HARD);
  });
});
