import { controllerOf, objectKey, splitKey, type OwnerReference } from "../../apimachinery/object-meta.ts";
import { labelSelectorPredicate } from "../../apimachinery/selectors.ts";
import { unlessGone } from "../../apimachinery/status-error.ts";
import { customResourceDefinitionResource } from "../../resources/apiextensions/custom-resource-definition.ts";
import { deploymentResource } from "../../resources/apps/deployment.ts";
import { replicaSetResource } from "../../resources/apps/replica-set.ts";
import { statefulSetResource } from "../../resources/apps/stateful-set.ts";
import { podResource } from "../../resources/core/pod.ts";
import { replicationControllerResource } from "../../resources/core/replication-controller.ts";
import { podDisruptionBudgetResource } from "../../resources/policy/pod-disruption-budget.ts";
import type { Pod } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { read, watch, type ControllerDefinition } from "../define-controller.ts";
import { findScalable } from "../scalable-kinds.ts";
import { selectedPods } from "../selected-pods.ts";
import { planDisruptionBudget, planStaleDisruption, type DisruptionInputs } from "./disruption-plan.ts";

/** Tells evictions how many pods of each budget may go. */
export function disruptionController({ informers, client }: ControllerContext): ControllerDefinition<DisruptionInputs> {
  const budgets = informers.informer(podDisruptionBudgetResource);
  const pods = informers.informer(podResource);
  const deployments = informers.informer(deploymentResource);
  const sets = informers.informer(replicaSetResource);
  const statefulSets = informers.informer(statefulSetResource);
  const replicationControllers = informers.informer(replicationControllerResource);

  const definitions = informers.informer(customResourceDefinitionResource);

  const selected = selectedPods(pods);
  const budgetsOf = (pod: Pod): string[] =>
    budgets
      .list(pod.metadata.namespace)
      .filter((budget) => labelSelectorPredicate(budget.spec?.selector)(pod.metadata.labels))
      .map(objectKey);
  const budgetsIn = ({ metadata: { namespace } }: { readonly metadata: { readonly namespace?: string } }): string[] => budgets.list(namespace).map(objectKey);

  /** Who decides how many pods like this there are, and how many that is. Several ReplicaSets of one Deployment have one wish. */
  const scaleOf = (namespace: string, owner: OwnerReference): { readonly uid: string; readonly replicas: number } | undefined => {
    const known = { ReplicaSet: sets, StatefulSet: statefulSets, ReplicationController: replicationControllers, Deployment: deployments }[owner.kind]?.get(
      namespace,
      owner.name,
    );
    if (known === undefined || known.metadata.uid !== owner.uid) return undefined;
    const above = owner.kind === "ReplicaSet" ? controllerOf(known) : undefined;
    return above?.kind === "Deployment" ? scaleOf(namespace, above) : { uid: owner.uid, replicas: known.spec?.replicas ?? 1 };
  };

  /** Owners of other kinds are asked for what they want, if they can be scaled. */
  const customScaleOf = async (namespace: string, owner: OwnerReference): Promise<{ readonly uid: string; readonly replicas: number } | undefined> => {
    const scalable = findScalable(owner, definitions.list());
    const object = scalable === undefined ? undefined : await unlessGone(client.for(scalable.resource).get(namespace, owner.name));
    return scalable === undefined || object?.metadata.uid !== owner.uid ? undefined : { uid: owner.uid, replicas: scalable.scale.specReplicas(object) };
  };

  const resized = <T extends { readonly spec?: { readonly replicas?: number } }>(old: T | undefined, next: T | undefined): boolean =>
    old?.spec?.replicas !== next?.spec?.replicas;
  return {
    name: "disruption-controller",
    component: "controllermanager",
    watches: [
      watch(budgets, (budget) => [objectKey(budget)]),
      watch(pods, budgetsOf),
      watch(deployments, budgetsIn, resized),
      watch(sets, budgetsIn, resized),
      watch(statefulSets, budgetsIn, resized),
      watch(replicationControllers, budgetsIn, resized),
    ],
    reads: [read(definitions)],
    async observe(key) {
      const { namespace, name } = splitKey(key);
      const budget = budgets.get(namespace, name);
      if (budget === undefined) return undefined;
      const isCovered = labelSelectorPredicate(budget.spec?.selector);
      const covered = selected(namespace, budget.spec?.selector?.matchLabels ?? {}, ({ metadata }) => isCovered(metadata.labels));
      const owners = new Map(covered.map((pod) => [controllerOf(pod)?.uid ?? "", controllerOf(pod)] as const));
      const scales = new Map<string, number>();
      const counted = new Set<string>();
      for (const [uid, owner] of owners) {
        const scale = owner === undefined ? undefined : (scaleOf(namespace, owner) ?? (await customScaleOf(namespace, owner)));
        if (scale === undefined) continue;
        scales.set(uid, counted.has(scale.uid) ? 0 : scale.replicas);
        counted.add(scale.uid);
      }
      return { budget, pods: covered, scales };
    },
    plan: planDisruptionBudget,
  };
}

/** Takes back notes of disruptions that did not happen. */
export function staleDisruptionController({ informers }: ControllerContext): ControllerDefinition<Pod> {
  const pods = informers.informer(podResource);
  const isMarked = (pod: Pod | undefined) => pod?.status?.conditions?.some(({ type, status }) => type === "DisruptionTarget" && status === "True") === true;
  return {
    name: "stale-disruption-controller",
    watches: [
      watch(
        pods,
        (pod) => [objectKey(pod)],
        (_old, pod) => isMarked(pod),
      ),
    ],
    observe(key) {
      const { namespace, name } = splitKey(key);
      return pods.get(namespace, name);
    },
    plan: planStaleDisruption,
  };
}
