import { expect, test } from "vitest";
import type { Pod } from "../../../engine/resources/types.ts";
import { parseSchedulerConfig } from "../../../engine/scheduler/config/parse-scheduler-config.ts";
import { startScheduledPlane } from "./running-scheduler.ts";

const CONFIG = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: default-scheduler
- schedulerName: packing
  plugins: {multiPoint: {disabled: [{name: DefaultPreemption}]}}
  pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 100}]}}}]
`;
const { settings } = parseSchedulerConfig(CONFIG, "s.yaml");
const pod = (name: string, cpu: string, spec: Partial<Pod["spec"]> = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default" },
  spec: { containers: [{ name: "c", image: "app:1", resources: { requests: { cpu } } }], ...spec },
});

test("pods go where the profile that they name wants them, and those of no profile wait for somebody else", async () => {
  await using plane = await startScheduledPlane(
    ["n1", "n2"].map((name) => ({ metadata: { name }, cpu: "8" })),
    { settings },
  );
  await plane.makePod(pod("first", "2"));
  const first = await plane.nodeOf("first");
  await plane.makePod(pod("packed", "1", { schedulerName: "packing" }));
  await plane.makePod(pod("spread", "1"));
  await plane.makePod(pod("strange", "1", { schedulerName: "another" }));
  expect([await plane.nodeOf("packed"), (await plane.nodeOf("spread")) === first, await plane.nodeOf("strange")]).toEqual([first, false, ""]);
});

test("nobody has to go for pods of a profile without preemption", async () => {
  await using plane = await startScheduledPlane([{ metadata: { name: "n1" }, cpu: "2" }], { settings });
  await plane.makePod(pod("low", "2"));
  const unschedulable = async (name: string) => (await plane.podNamed(name)).status?.conditions?.find(({ type }) => type === "PodScheduled")?.message;
  await plane.makePod(pod("packed", "2", { schedulerName: "packing", priorityClassName: "system-cluster-critical" }));
  expect([await unschedulable("packed"), await plane.nodeOf("low")]).toEqual(["0/1 nodes are available: 1 Insufficient cpu.", "n1"]);
  await plane.makePod(pod("urgent", "2", { priorityClassName: "system-cluster-critical" }));
  await plane.clock.advance(1_000);
  expect((await plane.podNamed("urgent")).status?.nominatedNodeName).toBe("n1");
});
