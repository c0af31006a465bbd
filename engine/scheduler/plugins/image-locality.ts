import { podContainers } from "../../resources/pod-containers.ts";
import type { NodeInfo } from "../node-info.ts";
import type { ScorePlugin } from "../plugin.ts";

const MIN_BYTES = 23 * 1024 * 1024;
const MAX_BYTES_PER_CONTAINER = 1000 * 1024 * 1024;

/**
 * Prefers nodes that already hold the pod's images. A size counts by the share of nodes that have the image,
 * so that one node with a large image does not attract everything.
 */
export const imageLocality: ScorePlugin = {
  name: "ImageLocality",
  weight: 1,
  score: ({ pod }, candidates, nodes) => {
    const wanted = podContainers(pod.spec).map((container) => normalisedName(container.image ?? ""));
    const sizes = candidates.map((node) => imageSizes(node));
    if (!sizes.some((images) => wanted.some((name) => images.has(name)))) return undefined;
    const holders = new Map<string, number>();
    for (const node of nodes) for (const name of imageSizes(node).keys()) holders.set(name, (holders.get(name) ?? 0) + 1);
    const max = MAX_BYTES_PER_CONTAINER * wanted.length;
    return sizes.map((images) => {
      const bytes = wanted.reduce((sum, name) => sum + (images.get(name) ?? 0) * ((holders.get(name) ?? 0) / nodes.length), 0);
      return Math.floor((100 * (Math.min(Math.max(bytes, MIN_BYTES), max) - MIN_BYTES)) / (max - MIN_BYTES));
    });
  },
};

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
