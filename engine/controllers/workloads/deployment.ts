import { controllerOf, objectKey, splitKey } from "../../apimachinery/object-meta.ts";
import { isControlledBy } from "../../apimachinery/owner-references.ts";
import { describeError } from "../../lib/log.ts";
import { deploymentResource } from "../../resources/apps/deployment.ts";
import { replicaSetResource } from "../../resources/apps/replica-set.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { Deployment, Pod, ReplicaSet } from "../../resources/types.ts";
import { hasStatus } from "../kept-status.ts";
import type { ControllerContext } from "../controller-context.ts";
import { tell, update, watch, type Action, type ControllerDefinition, type Outcome } from "../define-controller.ts";
import { REVISION_ANNOTATION } from "./deployment-annotations.ts";
import { planDeployment, tellScaled, type DeploymentInputs } from "./deployment-plan.ts";
import { isRecreate, specReplicas } from "./deployment-rollout.ts";
import { computeDeploymentStatus } from "./deployment-status.ts";
import { sameTemplate } from "./deployment-template.ts";
import { ownerKeys } from "../owner-keys.ts";
import { isPodFinished, ORPHAN_INDEX, orphanIndex, OWNER_INDEX, ownerIndex } from "../pods.ts";

/** Rolls each Deployment from its old pods to its new ones. */
export function deploymentController({ informers }: ControllerContext): ControllerDefinition<DeploymentInputs> {
  const deployments = informers.informer(deploymentResource);
  const sets = informers.informer(replicaSetResource);
  const pods = informers.informer(podResource);
  pods.addIndex(OWNER_INDEX, ownerIndex);
  sets.addIndex(OWNER_INDEX, ownerIndex);
  sets.addIndex(ORPHAN_INDEX, orphanIndex);

  const ownersOf = ownerKeys(deployments, ({ spec }) => spec.selector);
  // Only Recreate waits for pods themselves; everything else hears of them through their sets.
  const recreatedOf = (pod: Pod): string[] => {
    const owner = controllerOf(pod);
    const set = owner?.kind === "ReplicaSet" ? sets.get(pod.metadata.namespace ?? "", owner.name) : undefined;
    return set === undefined ? [] : ownersOf(set).filter((key) => isRecreate(deployments.getByKey(key) ?? ({ spec: {} } as Deployment)));
  };

  return {
    name: "deployment-controller",
    watches: [
      watch(deployments, (deployment) => [objectKey(deployment)]),
      watch(sets, ownersOf),
      watch(pods, recreatedOf, (_old, pod) => pod === undefined || isPodFinished(pod)),
    ],
    observe(key) {
      const { namespace, name } = splitKey(key);
      const deployment = deployments.get(namespace, name);
      if (deployment === undefined) return undefined;
      const claimable = [...sets.byIndex(OWNER_INDEX, deployment.metadata.uid ?? ""), ...sets.byIndex(ORPHAN_INDEX, namespace)];
      const podCounts = new Map(
        (isRecreate(deployment) ? claimable : []).map(
          (set) => [set.metadata.uid ?? "", pods.byIndex(OWNER_INDEX, set.metadata.uid ?? "").filter((pod) => !isPodFinished(pod)).length] as const,
        ),
      );
      return { deployment, sets: claimable, podCounts };
    },
    plan: (inputs) => planDeployment(inputs).actions,
    conclude: concludeDeployment,
  };
}

/** Events and status, given how the step went. Pure. */
export function concludeDeployment(inputs: DeploymentInputs, { created, existing, failure }: Outcome, nowMs: number): readonly Action[] {
  const step = planDeployment(inputs);
  const { deployment } = inputs;
  if (step.is === "claiming") return [];
  const taken = existing as ReplicaSet | undefined; // the only thing a step creates is a ReplicaSet
  // By rare chance two templates have one hash: the next try counts the collision into it.
  if (taken !== undefined && !(isControlledBy(taken, deployment) && sameTemplate(taken.spec.template, deployment.spec.template))) {
    return [
      update(deploymentResource, { ...deployment, status: { ...deployment.status, collisionCount: (deployment.status?.collisionCount ?? 0) + 1 } }, "status"),
    ];
  }
  const made = created[0] as ReplicaSet | undefined; // as above
  const wanted = step.actions.find((action) => action.do === "create");
  const createFailure =
    failure !== undefined && wanted !== undefined ? `Failed to create new replica set "${wanted.object.metadata.name}": ${describeError(failure)}` : undefined;
  const newSet = step.newSet ?? made ?? taken;
  const { status, againMs } = computeDeploymentStatus(deployment, { step, newSet, isNewSetCreated: made !== undefined, createFailure, nowMs });
  const revision = newSet === undefined ? undefined : step.revision;
  const annotations = { ...deployment.metadata.annotations, ...(revision === undefined ? {} : { [REVISION_ANNOTATION]: revision }) };
  const next: Deployment = { ...deployment, metadata: { ...deployment.metadata, annotations }, status };
  const isSame =
    hasStatus(deploymentResource, deployment, status) && (revision === undefined || deployment.metadata.annotations?.[REVISION_ANNOTATION] === revision);
  return [
    ...(made !== undefined && specReplicas(made) > 0 ? [tellScaled(deployment, made, specReplicas(made), 0)] : []),
    ...(createFailure === undefined ? [] : [tell(deployment, "Warning", "ReplicaSetCreateError", createFailure)]),
    // A status write may carry annotations, so revision and status change together.
    ...(isSame ? [] : [update(deploymentResource, next, "status")]),
    ...(againMs === undefined ? [] : [{ do: "wait", forMs: againMs } as const]),
  ];
}
