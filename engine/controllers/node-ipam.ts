import { parseCidr } from "../lib/ip-address.ts";
import { nodeResource } from "../resources/core/node.ts";
import type { Node } from "../resources/types.ts";
import type { ControllerContext } from "./controller-context.ts";
import { tell, watch, type Action, type ControllerDefinition } from "./define-controller.ts";
import { chooseNodeRange, type PodRange } from "./pod-ranges.ts";

export interface NodeIpamInputs {
  readonly node: Node;
  readonly podRanges: readonly PodRange[];
  /** What nodes have. */
  readonly taken: readonly string[];
}

/** Ranges for a node that has none, one of each family. They are written under the node's resourceVersion: who sets some meanwhile, wins. Pure. */
export function planNodeIpam({ node, podRanges, taken }: NodeIpamInputs): readonly Action[] {
  const blocks = taken.flatMap((text) => parseCidr(text) ?? []);
  const podCIDRs: string[] = [];
  for (const range of podRanges) {
    const chosen = chooseNodeRange(range, blocks);
    if (chosen === undefined) return [tell(node, "Warning", "CIDRNotAvailable", `No range of ${range.text} is left for this node's pods`)];
    podCIDRs.push(chosen);
  }
  return [{ do: "patch", resource: nodeResource, object: node, type: "merge", patch: { metadata: { resourceVersion: node.metadata.resourceVersion }, spec: { podCIDR: podCIDRs[0], podCIDRs } } }];
}

/** Gives each node ranges of pod addresses, once and for its life. All nodes are one key, so that no range is given twice. */
export function nodeIpamController({ informers }: ControllerContext, podRanges: readonly PodRange[]): ControllerDefinition<NodeIpamInputs> {
  const nodes = informers.informer(nodeResource);
  return {
    name: "node-ipam-controller",
    workers: 1,
    watches: [watch(nodes, () => ["nodes"], (old, node) => old?.spec?.podCIDR !== node?.spec?.podCIDR || (old === undefined && !node?.spec?.podCIDR))],
    observe() {
      const all = nodes.list();
      const node = all.find(({ spec }) => !spec?.podCIDR);
      return node && { node, podRanges, taken: all.flatMap(({ spec }) => spec?.podCIDRs ?? (spec?.podCIDR ? [spec.podCIDR] : [])) };
    },
    plan: planNodeIpam,
  };
}
