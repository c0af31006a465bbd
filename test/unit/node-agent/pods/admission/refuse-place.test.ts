import { expect, test } from "vitest";
import type { PodSpec, Taint } from "../../../../../engine/resources/types.ts";
import { refusePlace } from "../../../../../node-agent/pods/admission/refuse-place.ts";
import { aNode, aPod } from "../../../../kit/objects.ts";

const gone: Taint = { key: "gone", effect: "NoExecute" };

test.each<[string, Partial<PodSpec>, readonly Taint[], string | undefined]>([
  ["that asks for nothing", {}, [], undefined],
  ["that asks for the node's labels", { nodeSelector: { disk: "fast" } }, [], undefined],
  ["that asks for other labels", { nodeSelector: { disk: "slow" } }, [], "NodeAffinity"],
  [
    "that asks for them by affinity",
    { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: "disk", operator: "NotIn", values: ["fast"] }] }] } } } },
    [],
    "NodeAffinity",
  ],
  ["that does not bear the node's taint", {}, [gone], "TaintToleration"],
  ["that bears it", { tolerations: [{ key: "gone", operator: "Exists" }] }, [gone], undefined],
  ["that should not have been scheduled, and was", {}, [{ ...gone, effect: "NoSchedule" }], undefined],
])("of a pod %s the node says %j %j", (_which, spec, taints, expected) => {
  const node = { ...aNode("n1", { labels: { disk: "fast" } }), spec: { taints: [...taints] } };
  expect(refusePlace(aPod("web", { spec }), node)?.reason).toBe(expected);
});

test("what the machine's own files say runs there whatever taints the node has", () => {
  const pod = aPod("web", { annotations: { "kubernetes.io/config.source": "file" } });
  expect(refusePlace(pod, { ...aNode("n1"), spec: { taints: [gone] } })).toBeUndefined();
});
