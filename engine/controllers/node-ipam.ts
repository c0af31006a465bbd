import { nodeResource } from "../resources/core/node.ts";
import { runController, unlessGone, type ControllerContext } from "./controller.ts";

/** Bits of a node's own range: 254 usable addresses. */
const NODE_PREFIX_LENGTH = 24;

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

/** Gives each node a range of pod addresses, once and for its life. One worker, so that no range is given twice. */
export function nodeIpamController(context: ControllerContext, clusterCidr: string) {
  const { client, consistency, events, informers } = context;
  const nodes = informers.informer(nodeResource);
  return runController(
    {
      name: "node-ipam-controller",
      workers: 1,
      sources: [nodes],
      connect: (queue) => [nodes.addHandler({ add: (node) => !node.spec?.podCIDR && queue.add(node.metadata.name ?? ""), update: (_old, node) => !node.spec?.podCIDR && queue.add(node.metadata.name ?? "") })],
      sync: async (name, signal) => {
        await consistency.settled("node-ipam", nodes, signal);
        const node = nodes.get("", name);
        if (node === undefined || node.spec?.podCIDR) return;
        const podCIDR = choosePodCidr(clusterCidr, new Set(nodes.list().map((other) => other.spec?.podCIDR ?? "")));
        if (podCIDR === undefined) {
          events.record(node, { type: "Warning", reason: "CIDRNotAvailable", message: `No range of ${clusterCidr} is left for this node's pods` });
          return;
        }
        const patched = await unlessGone(client.for(nodeResource).patch("", name, "merge", { spec: { podCIDR, podCIDRs: [podCIDR] } }));
        if (patched !== undefined) consistency.wrote("node-ipam", patched);
      },
    },
    context,
  );
}
