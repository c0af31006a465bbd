import { podContainers } from "../../resources/pod-containers.ts";
import type { NodeInfo } from "../node-info.ts";
import { addCount, NodeTally } from "../node-tally.ts";
import type { ScorePlugin } from "../plugin.ts";

const MIN_BYTES = 23 * 1024 * 1024;
const MAX_BYTES_PER_CONTAINER = 1000 * 1024 * 1024;

/**
 * Prefers nodes that already hold the pod's images. A size counts by the share of nodes that have the image,
 * so that one node with a large image does not attract everything.
 */
export function imageLocality(): ScorePlugin {
  const holders = new Map<string, number>();
  const tally = new NodeTally(imageSizes, (images, sign) => {
    for (const name of images.keys()) addCount(holders, name, sign);
  });
  return {
    name: "ImageLocality",
    weight: 1,
    score: ({ pod }, candidates, nodes) => {
      tally.update(nodes);
      const wanted = podContainers(pod.spec).map((container) => normalisedName(container.image ?? ""));
      const held = wanted.filter((name) => holders.has(name)).map((name) => ({ name, spread: (holders.get(name) ?? 0) / nodes.length }));
      if (held.length === 0) return undefined;
      const max = MAX_BYTES_PER_CONTAINER * wanted.length;
      return candidates.map((node) => {
        const images = imageSizes(node);
        let bytes = 0;
        for (const { name, spread } of held) bytes += (images.get(name) ?? 0) * spread;
        return Math.floor((100 * (Math.min(Math.max(bytes, MIN_BYTES), max) - MIN_BYTES)) / (max - MIN_BYTES));
      });
    },
  };
}

/** Node objects are frozen values, so their image tables can be kept as long as they live. */
const tables = new WeakMap<object, ReadonlyMap<string, number>>();

function imageSizes({ node }: NodeInfo): ReadonlyMap<string, number> {
  let table = tables.get(node);
  if (table === undefined) {
    table = new Map((node.status?.images ?? []).flatMap((image) => (image.names ?? []).map((name) => [normalisedName(name), image.sizeBytes ?? 0] as const)));
    tables.set(node, table);
  }
  return table;
}

/** `web` and `web:latest` are one image. */
function normalisedName(image: string): string {
  return image.lastIndexOf(":") <= image.lastIndexOf("/") && !image.includes("@") ? `${image}:latest` : image;
}
