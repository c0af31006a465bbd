import type { Application } from "../../resources/types.ts";
import { globExpression } from "./ignore-patterns.ts";
import { DEFAULT_DEADLINE_MS, type RepositoryConfig } from "./repository-config.ts";
import type { Unit } from "./resolve-units.ts";

/**
 * Units whose folders left the repository and that hold something still. What is said about when things change, and whether they are deleted at
 * all, holds for this as well: by the rule that still means their folder, and without one by what was said last.
 */
export function unitsThatLeft(config: Pick<RepositoryConfig, "units">, units: readonly Unit[], applications: readonly Application[]): readonly Unit[] {
  const present = new Set(units.map(({ name }) => name));
  return applications.flatMap(({ metadata: { name = "" }, spec }): readonly Unit[] => {
    if (present.has(name) || spec?.path === undefined) return [];
    const path = spec.path === "." ? "" : spec.path;
    const rule = config.units?.find((one) => one.path === path || globExpression(one.path).test(path));
    const { windows, suspend } = rule?.policies ?? {};
    return [
      {
        name,
        path,
        namespace: undefined,
        prune: rule?.prune ?? spec.prune !== false,
        dependsOn: [],
        deadlineMs: DEFAULT_DEADLINE_MS,
        ...(windows === undefined ? {} : { windows }),
        ...(suspend === undefined ? {} : { suspend }),
      },
    ];
  });
}
