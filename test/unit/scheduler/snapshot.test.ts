import { expect, test } from "vitest";
import type { Node, Pod, PodSpec, PodStatus } from "../../../engine/resources/types.ts";
import { podInfo } from "../../../engine/scheduler/node-info.ts";
import { ClusterSnapshot } from "../../../engine/scheduler/snapshot.ts";

const node = (name: string, labels: Record<string, string> = {}): Node => ({ apiVersion: "v1", kind: "Node", metadata: { name, labels }, status: { allocatable: { cpu: "4" } } });
const pod = (metadata: Partial<Pod["metadata"]> = {}, status: PodStatus = {}, spec: Partial<PodSpec> = { nodeName: "n" }) =>
  podInfo({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "default", uid: "1", labels: { app: "web" }, ...metadata }, spec: { containers: [], ...spec }, status });

test.each<[string, ReturnType<typeof pod>, boolean]>([
  ["its binding, as it was decided", pod(), false],
  ["an address", pod({}, { podIP: "10.0.0.1", conditions: [{ type: "Ready", status: "True" }] }), false],
  ["more room", pod({}, {}, { nodeName: "n", containers: [{ name: "c", resources: { requests: { cpu: "1" } } }] }), true],
  ["a label", pod({ labels: { app: "db" } }), true],
  ["its end", pod({ deletionTimestamp: "2026-01-01T00:00:00Z" }), true],
  ["the time when it began", pod({}, { startTime: "2026-01-01T00:00:00Z" }), true],
  ["having to make room", pod({}, { conditions: [{ type: "DisruptionTarget", status: "True", reason: "PreemptionByScheduler" }] }), true],
  ["being another pod", pod({ uid: "2" }), true],
])("what a pod gets makes its node another one only when decisions are made of it: %s", (_what, changed, matters) => {
  const snapshot = new ClusterSnapshot();
  snapshot.setNode(node("n"));
  snapshot.assume(pod({}, {}, {}), "n");
  const before = snapshot.node("n");
  snapshot.setPod(changed);
  expect(snapshot.node("n") !== before).toBe(matters);
  if (matters) expect(snapshot.node("n")?.pods).toEqual([changed]);
});

test("a node has its pods whether it comes after them, changes, or goes and comes back", () => {
  const snapshot = new ClusterSnapshot();
  snapshot.setPod(pod());
  const names = () => snapshot.nodes().map(({ name, pods }) => [name, pods.map(({ key }) => key)]);
  expect(names()).toEqual([]);
  const expected = [["n", ["default/p"]]];
  snapshot.setNode(node("n"));
  expect(names()).toEqual(expected);
  snapshot.setNode(node("n", { zone: "a" }));
  expect(names()).toEqual(expected);
  snapshot.removeNode("n");
  expect(names()).toEqual([]);
  snapshot.setNode(node("n"));
  expect(names()).toEqual(expected);
  snapshot.removePod("default/p");
  expect(names()).toEqual([["n", []]]);
});
