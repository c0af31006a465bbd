import { globExpression } from "./ignore-patterns.ts";
import type { ObjectsByUnit, UnitObjects } from "./objects-by-unit.ts";
import type { Problem } from "./problem.ts";
import type { RepositoryConfig } from "./repository-config.ts";
import type { Unit, UnitBounds } from "./resolve-units.ts";
import type { SourceRule } from "./source-rules.ts";

/** Objects that their unit may not hold, each with the rule that says so. The rules come with the commit; who may change them is a matter of teams. */
export function findOutOfBounds(units: readonly Unit[], lists: ObjectsByUnit): readonly Problem[] {
  return units.flatMap(({ name, bounds }) => (bounds === undefined ? [] : outOf(bounds, lists.get(name) ?? [])));
}

function outOf(bounds: UnitBounds, objects: UnitObjects): readonly Problem[] {
  const problems: Problem[] = [];
  for (const { unit, object, resource, file, line } of objects) {
    const { namespace } = object.metadata;
    const named = bounds.kinds?.includes(object.kind);
    const refuse = (what: string, rule: string) => void problems.push({ file, line, message: `${what} lies outside of the bounds of ${unit}: ${rule}` });
    if (named === false) refuse(object.kind, `bounds.kinds has ${bounds.kinds?.join(", ")}`);
    else if (bounds.namespaces === undefined) continue;
    else if (resource.namespaced && !bounds.namespaces.some((pattern) => globExpression(pattern).test(namespace ?? "")))
      refuse(`namespace ${namespace ?? ""}`, `bounds.namespaces has ${bounds.namespaces.join(", ")}`);
    else if (!resource.namespaced && named !== true) {
      const isOwnNamespace = object.kind === "Namespace" && bounds.namespaces.some((pattern) => globExpression(pattern).test(object.metadata.name ?? ""));
      if (!isOwnNamespace)
        refuse(
          `${object.kind} ${object.metadata.name ?? ""}, which belongs to the whole cluster,`,
          `bounds.namespaces has ${bounds.namespaces.join(", ")}; a kind of the cluster must be named in bounds.kinds`,
        );
    }
  }
  return problems;
}

/** What a further repository may not hold by the rule that the cluster's own one has for it. Its own mainstay.yaml cannot widen that. */
export function findOutOfSource(
  rule: SourceRule | undefined,
  config: RepositoryConfig,
  units: readonly Unit[],
  lists: ObjectsByUnit,
  file: string,
): readonly Problem[] {
  if (rule === undefined) return [];
  const problems: Problem[] = [];
  const { bounds, name } = rule;
  if (config.sources.length > 0) problems.push({ file, line: 1, field: "sources", message: "only the cluster's own repository may name further ones" });
  if (config.previews !== undefined) problems.push({ file, line: 1, field: "previews", message: "only the cluster's own repository has previews" });
  // A notification is sent with the system's rights to whatever address the Secret has.
  const outside =
    bounds?.namespaces === undefined
      ? []
      : config.notifications.filter(({ secret }) => !bounds.namespaces?.some((pattern) => globExpression(pattern).test(secret.split("/")[0] ?? "")));
  for (const { name: receiver, secret } of outside)
    problems.push({ file, line: 1, field: "notifications", message: `${receiver}: the Secret ${secret} lies outside of the bounds of source ${name}` });
  return [
    ...problems,
    ...(bounds === undefined
      ? []
      : findOutOfBounds(
          units.map((unit) => ({ ...unit, bounds })),
          lists,
        )),
  ];
}
