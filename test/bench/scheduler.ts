import type { Pod, PodSpec } from "../../engine/resources/types.ts";
import { podInfo } from "../../engine/scheduler/node-info.ts";
import { createProfile } from "../../engine/scheduler/profile.ts";
import { FilterCache, schedulePod } from "../../engine/scheduler/schedule-pod.ts";
import { ClusterSnapshot } from "../../engine/scheduler/snapshot.ts";
import { toRow, type Row, type Scale } from "./measure.ts";

const NODES = 3_000;
const ZONE = "topology.kubernetes.io/zone";
const HOST = "kubernetes.io/hostname";
const labels = { app: "bench" };
const selector = { labelSelector: { matchLabels: labels } };

/** As many as a node reports. */
const IMAGES = Array.from({ length: 50 }, (_, index) => ({ names: [`registry.example.com/app-${index}:1`], sizeBytes: 100_000_000 }));
const IMAGE = "registry.example.com/app-7:1";

/** Kinds of pods, by what they ask of the others. */
const KINDS: readonly (readonly [what: string, spec: Partial<PodSpec>])[] = [
  ["of one ReplicaSet", {}],
  ["spread over three zones", { topologySpreadConstraints: [{ maxSkew: 1, topologyKey: ZONE, whenUnsatisfiable: "DoNotSchedule", ...selector }] }],
  ["none beside another of its kind", { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: HOST, ...selector }] } } }],
  ["all in the zone of their kind", { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: ZONE, ...selector }] } } }],
  [
    "rather not beside another of its kind",
    { affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: { topologyKey: HOST, ...selector } }] } } },
  ],
];

/** Decisions of the scheduler in a large cluster, without API and bindings, per second of processor time. The floor is pods that ask nothing of others. */
export function benchScheduler(scale: Scale): readonly Row[] {
  const pods = scale.writes;
  decisionsPerSecond({}, pods / 4); // not counted: by then the code is compiled
  const floor = decisionsPerSecond({}, pods);
  return [
    toRow({ what: `scheduler: ${NODES} nodes, ${pods} plain pods`, value: floor, unit: "/s" }),
    ...KINDS.map(([what, spec]) => toRow({ what: `scheduler: the same, ${what}`, value: decisionsPerSecond(spec, pods), unit: "/s", floor, peer: "plain" })),
  ];
}

/** By processor time, which says more than time where others use the machine too. */
function decisionsPerSecond(spec: Partial<PodSpec>, pods: number): number {
  const snapshot = new ClusterSnapshot();
  for (let index = 0; index < NODES; index++)
    snapshot.setNode({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: `n${index}`, labels: { [HOST]: `n${index}`, [ZONE]: `z${index % 3}` } },
      status: { allocatable: { cpu: "8", memory: "32Gi", pods: "110" }, images: IMAGES },
    });
  const cache = new FilterCache();
  const profile = createProfile();
  let start = 0;
  const begun = process.cpuUsage();
  for (let index = 0; index < pods; index++) {
    const pod: Pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: `p${index}`, namespace: "default", labels },
      spec: { containers: [{ name: "c", image: IMAGE, resources: { requests: { cpu: "100m", memory: "64Mi" } } }], ...spec },
    };
    const info = podInfo(pod);
    const decision = schedulePod(info, snapshot.nodes(), profile, start, cache);
    if (decision.is === "unschedulable") throw new Error(`pod ${index}: ${decision.message}`);
    start = decision.nextStart;
    snapshot.assume(info, decision.nodeName);
  }
  const { user, system } = process.cpuUsage(begun);
  return pods / ((user + system) / 1e6);
}
