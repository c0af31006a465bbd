import { wholeValue } from "../../engine/apimachinery/quantity.ts";
import { podRequests } from "../../engine/resources/pod-requests.ts";
import type { Container, Pod } from "../../engine/resources/types.ts";
import { HUGE_PAGES, isHugePages } from "../../engine/resources/huge-pages.ts";

/** Bytes of huge pages that may be used, by the size of a page as cgroups write it, such as `2MB`. */
export type HugePageLimits = Readonly<Record<string, number>>;

const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** What a container may use of the pages of these sizes in bytes: what it asked for, else what its pod did, else none. Pure. */
export function containerHugePages({ spec }: Pod, { resources }: Container, sizes: readonly number[]): HugePageLimits {
  const named = Object.entries({ ...spec.resources?.limits, ...resources?.limits }).map(([name, amount]) => [name, wholeValue(amount)] as const);
  return limitsOf(named, sizes);
}

/** What a pod's containers may use together; none of the sizes that it did not ask for. Requests of huge pages are limits. Pure. */
export function podHugePages({ spec }: Pod, sizes: readonly number[]): HugePageLimits {
  return limitsOf(Object.entries(podRequests(spec)), sizes);
}

function limitsOf(named: readonly (readonly [name: string, bytes: number])[], sizes: readonly number[]): HugePageLimits {
  const asked = new Map(named.filter(([name]) => isHugePages(name)).map(([name, bytes]) => [wholeValue(name.slice(HUGE_PAGES.length)), bytes]));
  return Object.fromEntries(sizes.map((size) => [pageSizeName(size), asked.get(size) ?? 0]));
}

function pageSizeName(bytes: number): string {
  const power = Math.floor(Math.log2(bytes) / 10);
  return `${bytes / 1024 ** power}${UNITS[power]}`;
}
