import type { Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm } from "./types.ts";

/** Whether one of a selector's terms matches the node; without a selector every node does. */
export function matchesSelector(selector: NodeSelector | undefined, node: Node): boolean {
  return selector === undefined || selector.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

/** All requirements of a term must hold; an empty term matches nothing. */
export function matchesTerm(term: NodeSelectorTerm, node: Node): boolean {
  const byLabel = term.matchExpressions ?? [];
  const byField = term.matchFields ?? [];
  if (byLabel.length + byField.length === 0) return false;
  return (
    byLabel.every((requirement) => matchesRequirement(requirement, node.metadata.labels?.[requirement.key])) &&
    byField.every((requirement) => matchesRequirement(requirement, requirement.key === "metadata.name" ? node.metadata.name : undefined))
  );
}

function matchesRequirement({ operator, values = [] }: NodeSelectorRequirement, actual: string | undefined): boolean {
  switch (operator) {
    case "In":
      return actual !== undefined && values.includes(actual);
    case "NotIn":
      return actual === undefined || !values.includes(actual);
    case "Exists":
      return actual !== undefined;
    case "DoesNotExist":
      return actual === undefined;
    case "Gt":
      return actual !== undefined && Number(actual) > Number(values[0]);
    case "Lt":
      return actual !== undefined && Number(actual) < Number(values[0]);
    default:
      return false;
  }
}
