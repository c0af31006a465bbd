import { compareVersions } from "../../resources/apiextensions/version-order.ts";
import type { APIService } from "../../resources/types.ts";

interface Priority {
  readonly group: number;
  readonly version: number;
}

/** Those of custom kinds, as upstream registers them. */
const CUSTOM: Priority = { group: 1_000, version: 100 };
/** Of groups without an APIService: that of the registry itself is the first of all, and usage is what upstream's metrics server asks for. */
const UNREGISTERED: Readonly<Record<string, Priority>> = {
  "apiregistration.k8s.io": { group: Infinity, version: 100 },
  "metrics.k8s.io": { group: 100, version: 100 },
};

/**
 * As upstream: a group stands where its most important version wants it, and what is equally important by its name, versions by theirs. A
 * later APIService of a name stands for an earlier one. Pure.
 */
export function inOrderOfPriority(
  groups: ReadonlyMap<string, ReadonlySet<string>>,
  services: readonly Pick<APIService, "metadata" | "spec">[],
): readonly (readonly [string, readonly string[]])[] {
  const priorities = new Map(services.map(({ metadata, spec }) => [metadata.name ?? "", { group: spec.groupPriorityMinimum, version: spec.versionPriority }]));
  return [...groups]
    .map(([group, served]) => {
      const of = (version: string) => priorities.get(`${version}.${group}`) ?? UNREGISTERED[group] ?? CUSTOM;
      const versions = [...served].sort((a, b) => of(b).version - of(a).version || compareVersions(a, b));
      return { group, versions, priority: Math.max(...versions.map((version) => of(version).group)) };
    })
    .sort((a, b) => (a.priority === b.priority ? (a.group < b.group ? -1 : 1) : b.priority - a.priority))
    .map(({ group, versions }) => [group, versions] as const);
}
