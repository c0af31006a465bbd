import { labelSelectorPredicate } from "../apimachinery/selectors.ts";
import { jsonEqual } from "../lib/freeze.ts";
import { clusterRoleResource } from "../resources/rbac/cluster-role.ts";
import type { ClusterRole, PolicyRule } from "../resources/types.ts";
import type { ControllerContext } from "./controller-context.ts";
import { update, watch, type Action, type ControllerDefinition } from "./define-controller.ts";

export interface AggregationInputs {
  readonly role: ClusterRole;
  readonly all: readonly ClusterRole[];
}

/** An aggregated role holds the rules of all roles that its selectors find, each once, in the order of the roles' names. Pure. */
function planAggregation({ role, all }: AggregationInputs): readonly Action[] {
  const selectors = (role.aggregationRule?.clusterRoleSelectors ?? []).map(labelSelectorPredicate);
  const byText = new Map<string, PolicyRule>();
  // Selector by selector, as upstream: the order is part of what readers compare.
  for (const matches of selectors) {
    const parts = all.filter(({ metadata }) => metadata.name !== role.metadata.name && matches(metadata.labels));
    for (const part of parts.sort((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1))) {
      for (const rule of part.rules ?? []) {
        const text = textOf(rule);
        if (!byText.has(text)) byText.set(text, rule);
      }
    }
  }
  const rules = [...byText.values()];
  return jsonEqual(rules, role.rules ?? []) ? [] : [update(clusterRoleResource, { ...role, rules })];
}

/** The same for equal rules. */
function textOf({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule): string {
  return JSON.stringify([verbs, apiGroups, resources, resourceNames, nonResourceURLs]);
}

/** Puts together the roles that say what they consist of, and again when one of their parts changes. */
export function clusterRoleAggregation({ informers }: ControllerContext): ControllerDefinition<AggregationInputs> {
  const roles = informers.informer(clusterRoleResource);
  const aggregated = () =>
    roles
      .list()
      .filter(({ aggregationRule }) => aggregationRule !== undefined)
      .map(({ metadata }) => metadata.name ?? "");
  return {
    name: "clusterrole-aggregation-controller",
    workers: 1,
    watches: [watch(roles, ({ metadata }) => [metadata.name ?? "", ...aggregated()])],
    observe(name) {
      const role = roles.get("", name);
      return role?.aggregationRule === undefined || role.metadata.deletionTimestamp !== undefined ? undefined : { role, all: roles.list() };
    },
    plan: planAggregation,
  };
}
