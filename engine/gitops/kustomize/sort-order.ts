import type { SortOptions } from "./kustomization.ts";
import { BuildFault } from "./kustomize-error.ts";
import type { ResourceMap } from "./resource-map.ts";
import type { Resource } from "./resource.ts";
import { equalGvk } from "./resource-id.ts";
import { gvkText, kindRank, ORDER_FIRST, ORDER_LAST, sortText } from "./transformer-config.ts";

/** Puts the result in order: what others need first, unless the kustomization wants its own order (`fifo`). */
export function sortResources(map: ResourceMap, options: SortOptions | undefined): void {
  const order = options?.order ?? (options === undefined ? "legacy" : "");
  if (order !== "fifo" && order !== "legacy") throw new BuildFault("sortOptions.order must be fifo or legacy");
  if (order === "fifo") {
    if (options?.legacySortOptions !== undefined) throw new BuildFault("sortOptions.legacySortOptions goes with the order legacy only");
    return;
  }
  const { orderFirst = options?.legacySortOptions === undefined ? ORDER_FIRST : [], orderLast = options?.legacySortOptions === undefined ? ORDER_LAST : [] } =
    options?.legacySortOptions ?? {};
  map.sort((a, b) => compare(a, b, orderFirst, orderLast));
}

function compare(a: Resource, b: Resource, first: readonly string[], last: readonly string[]): number {
  const [left, right] = [a.id, b.id];
  if (equalGvk(left, right)) return byText(idText(a), idText(b));
  const byRank = kindRank(left.kind, first, last) - kindRank(right.kind, first, last);
  return byRank !== 0 ? byRank : byText(sortText(left), sortText(right));
}

function idText(resource: Resource): string {
  const { id } = resource;
  return [gvkText(id), id.namespace || "~X", id.name || "~N"].join("|");
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
