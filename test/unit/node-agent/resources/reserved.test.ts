import { expect, test } from "vitest";
import { addReserved, computeAllocatable, computePodsMemory, computePodsPids, parseReserved } from "../../../../node-agent/resources/reserved.ts";
import { parseThresholds } from "../../../../node-agent/resources/thresholds.ts";

const MI = 2 ** 20;

test("pods can have what neither the machine nor its reserve needs", () => {
  const reserved = {
    processes: addReserved(parseReserved("cpu=500m,memory=100Mi"), parseReserved("memory=50Mi,ephemeral-storage=10Mi")),
    hard: parseThresholds("memory.available<100Mi,nodefs.available<10%"),
  };
  expect(computeAllocatable({ cpu: "2", memory: "1024Mi", "ephemeral-storage": "1000Mi", pods: "110" }, reserved)).toEqual({
    cpu: "1500m",
    memory: `${774 * 1024}Ki`,
    "ephemeral-storage": String(890 * MI),
    pods: "110",
  });
  expect([computePodsMemory(1024 * MI, reserved), computePodsMemory(1024, { processes: {}, hard: [] })]).toEqual([874 * MI, -1]);
  expect([computePodsPids(32_768, reserved), computePodsPids(32_768, { ...reserved, processes: parseReserved("pid=5000") })]).toEqual([31_130, 27_768]);
});
