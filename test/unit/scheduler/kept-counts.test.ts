import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Node, Pod, PodSpec, TopologySpreadConstraint } from "../../../engine/resources/types.ts";
import { nodeInfo, podInfo, withPod, type NodeInfo } from "../../../engine/scheduler/node-info.ts";
import { NodeTally } from "../../../engine/scheduler/node-tally.ts";
import { createProfile } from "../../../engine/scheduler/profile.ts";
import { FilterCache, schedulePod, type Decision } from "../../../engine/scheduler/schedule-pod.ts";
import { ClusterSnapshot } from "../../../engine/scheduler/snapshot.ts";

const node = (index: number, labels: Record<string, string>, images: readonly string[] = []): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: `n${index}`, labels: { host: `n${index}`, ...labels } },
  status: { allocatable: { cpu: "1", memory: "4Gi", pods: "6" }, images: images.map((name) => ({ names: [name], sizeBytes: 500_000_000 })) },
});

const namespace = fc.constantFrom("a", "b");
const team = fc.constantFrom("red", "blue");
const app = fc.constantFrom("web", "db");
const image = fc.constantFrom("web:1", "db:1");
const labelSelector = fc.oneof(
  app.map((value) => ({ matchLabels: { app: value } })),
  fc.constant({ matchExpressions: [{ key: "tier", operator: "Exists" }] }),
  fc.constant({}),
);
const topologyKey = fc.constantFrom("host", "zone");
const term = fc.record({
  topologyKey,
  labelSelector,
  namespaces: fc.array(namespace, { maxLength: 1 }),
  namespaceSelector: fc.option(
    team.map((value) => ({ matchLabels: { team: value } })),
    { nil: undefined },
  ),
});
const side = fc.record(
  {
    requiredDuringSchedulingIgnoredDuringExecution: fc.array(term, { minLength: 1, maxLength: 2 }),
    preferredDuringSchedulingIgnoredDuringExecution: fc.array(fc.record({ weight: fc.integer({ min: 1, max: 100 }), podAffinityTerm: term }), { maxLength: 2 }),
  },
  { requiredKeys: [] },
);
const spread = fc.record({
  maxSkew: fc.integer({ min: 1, max: 2 }),
  topologyKey,
  whenUnsatisfiable: fc.constantFrom("DoNotSchedule", "ScheduleAnyway"),
  labelSelector,
  matchLabelKeys: fc.constantFrom([], ["tier"]),
  nodeAffinityPolicy: fc.constantFrom("Honor", "Ignore"),
}) as fc.Arbitrary<TopologySpreadConstraint>;
const spec = fc.record({
  affinity: fc.option(fc.record({ podAffinity: side, podAntiAffinity: side }, { requiredKeys: [] }), { nil: undefined }),
  topologySpreadConstraints: fc.array(spread, { maxLength: 2 }),
  nodeSelector: fc.option(fc.constant({ disk: "ssd" }), { nil: undefined }),
}) as fc.Arbitrary<Partial<PodSpec>>;
const step = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("node" as const),
      index: fc.nat(9),
      labels: fc.record({ zone: fc.constantFrom("z1", "z2"), disk: fc.constantFrom("ssd", "hdd") }, { requiredKeys: ["disk"] }),
      images: fc.uniqueArray(image),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("drop" as const), index: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("relabel" as const), namespace, team }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("end" as const), index: fc.nat() }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("pod" as const), namespace, image, labels: fc.record({ app, tier: fc.constantFrom("1", "2") }, { requiredKeys: ["app"] }), spec }) },
);

test("what a profile has counted while a cluster changed decides as counting anew would", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
      const snapshot = new ClusterSnapshot();
      for (let index = 0; index < 8; index++) snapshot.setNode(node(index, { zone: `z${index % 3}`, disk: "ssd" }, ["web:1"]));
      const teams: Record<string, Record<string, string>> = { a: { team: "red" }, b: { team: "blue" } };
      const [kept, cache] = [createProfile(), new FilterCache()];
      const placed: string[] = [];
      for (const [serial, next] of steps.entries()) {
        if (next.do === "node") snapshot.setNode(node(next.index, next.labels, next.images));
        else if (next.do === "drop") snapshot.removeNode(`n${next.index}`);
        else if (next.do === "relabel") teams[next.namespace] = { team: next.team };
        else if (next.do === "end") snapshot.removePod(placed.splice(next.index % (placed.length || 1), 1)[0] ?? "");
        else {
          const pod: Pod = {
            apiVersion: "v1",
            kind: "Pod",
            metadata: { name: `p${serial}`, namespace: next.namespace, labels: next.labels, ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "r", uid: "r" }] },
            spec: { containers: [{ name: "c", image: next.image, resources: { requests: { cpu: "200m" } } }], ...next.spec },
          };
          const info = { ...podInfo(pod), namespaceLabels: (name: string) => teams[name] };
          const decision = schedulePod(info, snapshot.nodes(), kept, serial, cache);
          expect(told(decision)).toEqual(told(schedulePod(info, snapshot.nodes(), createProfile(), serial, new FilterCache())));
          if (decision.is !== "fits") continue;
          snapshot.assume(info, decision.nodeName);
          placed.push(info.key);
        }
      }
    }),
    { numRuns: 60 },
  );
});

function told(decision: Decision): unknown {
  return decision.is === "fits" ? decision : { ...decision, refused: decision.refused.map(({ node: { name }, rejection }) => [name, rejection]) };
}

test("a tally asks only the nodes that have changed, and takes back what those added that have gone", () => {
  const asked: string[] = [];
  let sum = 0;
  const tally = new NodeTally<number>(
    ({ name, pods }) => {
      asked.push(name);
      return pods.length;
    },
    (pods, sign) => (sum += sign * pods),
  );
  const look = (...nodes: readonly NodeInfo[]) => {
    asked.length = 0;
    tally.update(nodes);
    return [sum, asked.join()];
  };
  const pod = podInfo({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "default" }, spec: { containers: [] } });
  const [a, b] = [nodeInfo(node(1, {}), [pod]), nodeInfo(node(2, {}))];
  expect(look(a, b)).toEqual([1, "n1,n2"]);
  expect(look(a, b)).toEqual([1, ""]);
  expect(look(a, withPod(b, pod))).toEqual([2, "n2"]);
  expect(look(b)).toEqual([0, "n2"]); // as it was before
  expect(look(a, b)).toEqual([1, "n1,n2"]);
  expect(look(b)).toEqual([0, ""]);
});
