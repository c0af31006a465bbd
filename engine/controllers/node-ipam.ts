import { nodeResource } from "../resources/core/node.ts";
import type { Node } from "../resources/types.ts";
import type { ControllerContext } from "./controller-context.ts";
import { tell, watch, type Action, type ControllerDefinition } from "./define-controller.ts";

/** Bits of a node's own range: 254 usable addresses. */
const NODE_PREFIX_LENGTH = 24;

export interface NodeIpamInputs {
  readonly node: Node;
  readonly clusterCidr: string;
  readonly taken: ReadonlySet<string>;
}

/** The first /24 of the cluster's range that no node has; undefined when all are taken. Pure. */
export function choosePodCidr(clusterCidr: string, taken: ReadonlySet<string>): string | undefined {
  const [address = "", length = "16"] = clusterCidr.split("/");
  const base = address.split(".").reduce((value, part) => value * 256 + Number(part), 0);
  const count = 2 ** Math.max(0, NODE_PREFIX_LENGTH - Number(length));
  for (let index = 0; index < count; index++) {
    const value = base + index * 256;
    const candidate = `${[24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".")}/${NODE_PREFIX_LENGTH}`;
    if (!taken.has(candidate)) return candidate;
  }
  return undefined;
}

/** A range for a node that has none. It is written under the node's resourceVersion: who sets one meanwhile, wins. Pure. */
export function planNodeIpam({ node, clusterCidr, taken }: NodeIpamInputs): readonly Action[] {
  const podCIDR = choosePodCidr(clusterCidr, taken);
  if (podCIDR === undefined) return [tell(node, "Warning", "CIDRNotAvailable", `No range of ${clusterCidr} is left for this node's pods`)];
  return [{ do: "patch", resource: nodeResource, object: node, type: "merge", patch: { metadata: { resourceVersion: node.metadata.resourceVersion }, spec: { podCIDR, podCIDRs: [podCIDR] } } }];
}

/** Gives each node a range of pod addresses, once and for its life. All nodes are one key, so that no range is given twice. */
export function nodeIpamController({ informers }: ControllerContext, clusterCidr: string): ControllerDefinition<NodeIpamInputs> {
  const nodes = informers.informer(nodeResource);
  return {
    name: "node-ipam-controller",
    workers: 1,
    watches: [watch(nodes, () => ["nodes"], (old, node) => old?.spec?.podCIDR !== node?.spec?.podCIDR || (old === undefined && !node?.spec?.podCIDR))],
    observe() {
      const all = nodes.list();
      const node = all.find(({ spec }) => !spec?.podCIDR);
      return node && { node, clusterCidr, taken: new Set(all.flatMap(({ spec }) => (spec?.podCIDR ? [spec.podCIDR] : []))) };
    },
    plan: planNodeIpam,
  };
}
