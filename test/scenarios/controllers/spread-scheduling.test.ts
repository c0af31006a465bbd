import { expect, test } from "vitest";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import type { Pod } from "../../../engine/resources/types.ts";
import { startScheduledPlane } from "./running-scheduler.ts";

const labels = { app: "web" };
const spreadPod = (name: string): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", labels },
  spec: {
    containers: [{ name: "c", image: "a:1", resources: { requests: { cpu: "1" } } }],
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule", labelSelector: { matchLabels: labels } }],
  },
});

test("a pod that would be one too many beside an empty zone goes on when that zone's last node goes", async () => {
  await using plane = await startScheduledPlane([
    { metadata: { name: "a", labels: { zone: "one" } }, cpu: "4" },
    { metadata: { name: "b", labels: { zone: "two" } }, cpu: "0" },
  ]);
  for (const name of ["first", "second"]) await plane.makePod(spreadPod(name));
  expect([await plane.nodeOf("first"), await plane.nodeOf("second")]).toEqual(["a", ""]);
  await plane.clock.advance(10_000);
  await plane.client.for(nodeResource).delete("", "b");
  await plane.clock.advance(1_000);
  expect(await plane.nodeOf("second")).toBe("a");
});
