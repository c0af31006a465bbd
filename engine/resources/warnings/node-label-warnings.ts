import { labelValueError } from "../../apimachinery/names.ts";
import { ownValue } from "../../lib/own-value.ts";
import type { NodeSelectorTerm } from "../types.ts";

/** Labels of nodes that were given up, and what upstream says of each. */
const GIVEN_UP: Readonly<Record<string, string>> = {
  "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
  "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  "app.kubernetes.io/created-by": "deprecated since v1.9",
  "scheduler.alpha.kubernetes.io/preferAvoidPods": "deprecated since v1.22; use Taints and Tolerations instead",
  "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
};

/** What is to be said of a label of nodes; undefined for one that is in use. */
export function nodeLabelProblem(label: string): string | undefined {
  return ownValue(GIVEN_UP, label);
}

/** Labels that nodes are chosen by, by letter. */
export function selectorWarnings(labels: Readonly<Record<string, string>>, shown: (label: string) => string): string[] {
  return Object.keys(labels)
    .sort()
    .flatMap((label) => {
      const problem = nodeLabelProblem(label);
      return problem === undefined ? [] : [`${shown(label)}: ${problem}`];
    });
}

/** The same in expressions, of which preferences may have any values. */
export function termWarnings({ matchExpressions = [] }: Pick<NodeSelectorTerm, "matchExpressions">, at: string, checksValues: boolean): string[] {
  return matchExpressions.flatMap(({ key, values = [] }, index) => {
    const problem = nodeLabelProblem(key);
    const wrong = checksValues
      ? values.flatMap((value, v) =>
          withProblem(labelValueError(value), (what) => `${at}.matchExpressions[${index}].values[${v}]: ${value} is invalid, ${what}`),
        )
      : [];
    return [...(problem === undefined ? [] : [`${at}.matchExpressions[${index}].key: ${key} is ${problem}`]), ...wrong];
  });
}

function withProblem(problem: string | undefined, say: (problem: string) => string): string[] {
  return problem === undefined ? [] : [say(problem)];
}
