import { parseLooseCidr } from "../../lib/net/ip-address.ts";
import { nodeResource, podCidrsOf } from "../../resources/core/node.ts";
import type { Node } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { tell, watch, type Action, type ControllerDefinition } from "../define-controller.ts";
import { freeNodeRanges, type PodRange } from "./pod-ranges.ts";

/** Nodes that get ranges in one go; what is left follows at once. */
const NODES_MAX = 32;

export interface NodeIpamInputs {
  /** Without ranges. */
  readonly nodes: readonly Node[];
  readonly podRanges: readonly PodRange[];
  /** What nodes have. */
  readonly taken: readonly string[];
}

/** Ranges for nodes that have none, one of each family. They are written under the nodes' resourceVersions: who sets some meanwhile, wins. Pure. */
export function planNodeIpam({ nodes, podRanges, taken }: NodeIpamInputs): readonly Action[] {
  const blocks = taken.flatMap((text) => parseLooseCidr(text) ?? []);
  const free = podRanges.map((range) => ({ range, parts: freeNodeRanges(range, blocks) }));
  return nodes.map((node): Action => {
    const podCIDRs: string[] = [];
    for (const { range, parts } of free) {
      const { value } = parts.next();
      if (value === undefined) return tell(node, "Warning", "CIDRNotAvailable", `No range of ${range.text} is left for this node's pods`);
      podCIDRs.push(value);
    }
    return {
      do: "patch",
      resource: nodeResource,
      object: node,
      type: "merge",
      patch: { metadata: { resourceVersion: node.metadata.resourceVersion }, spec: { podCIDR: podCIDRs[0], podCIDRs } },
    };
  });
}

/** Gives each node ranges of pod addresses, once and for its life. All nodes are one key, so that no range is given twice. */
export function nodeIpamController({ informers }: ControllerContext, podRanges: readonly PodRange[]): ControllerDefinition<NodeIpamInputs> {
  const informer = informers.informer(nodeResource);
  return {
    name: "node-ipam-controller",
    component: "cidrAllocator",
    workers: 1,
    watches: [
      watch(
        informer,
        () => ["nodes"],
        (old, node) => old?.spec?.podCIDR !== node?.spec?.podCIDR || (old === undefined && !node?.spec?.podCIDR),
      ),
    ],
    observe() {
      const all = informer.list();
      const nodes = all.filter(({ spec }) => !spec?.podCIDR).slice(0, NODES_MAX);
      return nodes.length === 0 ? undefined : { nodes, podRanges, taken: all.flatMap(podCidrsOf) };
    },
    plan: planNodeIpam,
  };
}
