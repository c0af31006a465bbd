import { controllerOf, objectKey, splitKey } from "../apimachinery/object-meta.ts";
import { isControlledBy, newControllerRef } from "../apimachinery/owner-references.ts";
import { labelSelectorPredicate } from "../apimachinery/selectors.ts";
import { hasReason } from "../apimachinery/status-error.ts";
import { jsonEqual } from "../lib/freeze.ts";
import { deploymentResource } from "../resources/apps/deployment.ts";
import { replicaSetResource } from "../resources/apps/replica-set.ts";
import { podResource } from "../resources/core/pod.ts";
import type { Deployment, Pod, ReplicaSet } from "../resources/types.ts";
import { runController, unlessGone, type ControllerContext } from "./controller.ts";
import { planDeployment, REVISION_ANNOTATION, sameTemplate, sizeAnnotations, type DeploymentAction } from "./deployment-plan.ts";
import { computeDeploymentStatus } from "./deployment-status.ts";

/** Rolls each Deployment from its old pods to its new ones. */
export function deploymentController(context: ControllerContext) {
  const { client, consistency, events, informers, clock } = context;
  const deployments = informers.informer(deploymentResource);
  const sets = informers.informer(replicaSetResource);
  const pods = informers.informer(podResource);
  pods.addIndex("owner", (pod) => [controllerOf(pod)?.uid ?? ""]);
  const api = client.for(replicaSetResource);

  return runController(
    {
      name: "deployment-controller",
      sources: [deployments, sets, pods],
      connect: (queue) => {
        const add = (deployment: Deployment) => queue.add(objectKey(deployment));
        const enqueueOwner = (set: ReplicaSet) => {
          const owner = controllerOf(set);
          if (owner?.kind === "Deployment") return queue.add(`${set.metadata.namespace}/${owner.name}`);
          for (const deployment of deployments.list(set.metadata.namespace)) if (labelSelectorPredicate(deployment.spec.selector)(set.metadata.labels)) add(deployment);
        };
        // Only Recreate waits for pods themselves; everything else hears of them through its sets.
        const podGone = (pod: Pod) => {
          const owner = controllerOf(pod);
          const set = owner?.kind === "ReplicaSet" ? sets.get(pod.metadata.namespace ?? "", owner.name) : undefined;
          if (set !== undefined) enqueueOwner(set);
        };
        return [
          deployments.addHandler({ add, update: (_old, deployment) => add(deployment), delete: add }),
          sets.addHandler({ add: enqueueOwner, update: (_old, set) => enqueueOwner(set), delete: enqueueOwner }),
          pods.addHandler({ delete: podGone }),
        ];
      },
      sync: async (key, signal) => {
        await consistency.settled(`deployment/${key}`, sets, signal);
        const { namespace, name } = splitKey(key);
        const deployment = deployments.get(namespace, name);
        if (deployment === undefined) return;
        const owned = await claimSets(deployment, key);
        const plan = planDeployment(deployment, owned, (set) => pods.byIndex("owner", set.metadata.uid ?? "").filter((pod) => pod.status?.phase !== "Succeeded" && pod.status?.phase !== "Failed").length);
        const hasActed = await execute(deployment, key, plan.actions);
        return finish(deployment, plan.revision, computeDeploymentStatus(deployment, { ...plan, hasActed, nowMs: clock.now() }));
      },
    },
    context,
  );

  /** Adopts sets that match and have no owner, and lets go of those that no longer match. */
  async function claimSets(deployment: Deployment, key: string): Promise<ReplicaSet[]> {
    const matches = labelSelectorPredicate(deployment.spec.selector);
    const owned: ReplicaSet[] = [];
    for (const set of sets.list(deployment.metadata.namespace)) {
      if (isControlledBy(set, deployment)) {
        owned.push(set);
      } else if (controllerOf(set) === undefined && matches(set.metadata.labels) && deployment.metadata.deletionTimestamp === undefined && set.metadata.deletionTimestamp === undefined) {
        const adopted = await unlessGone(api.patch(set.metadata.namespace ?? "", set.metadata.name ?? "", "merge", { metadata: { uid: set.metadata.uid, ownerReferences: [...(set.metadata.ownerReferences ?? []), newControllerRef(deployment)] } }));
        if (adopted === undefined) continue;
        consistency.wrote(`deployment/${key}`, adopted);
        owned.push(adopted);
      }
    }
    return owned;
  }

  async function execute(deployment: Deployment, key: string, actions: readonly DeploymentAction[]): Promise<boolean> {
    let hasActed = false;
    for (const action of actions) {
      const written = await executeOne(deployment, action);
      if (written !== undefined) consistency.wrote(`deployment/${key}`, written);
      hasActed ||= action.do === "create" || action.do === "scale";
    }
    return hasActed;
  }

  async function executeOne(deployment: Deployment, action: DeploymentAction): Promise<ReplicaSet | undefined> {
    const { namespace = "", name = "" } = action.set.metadata;
    switch (action.do) {
      case "create":
        return createSet(deployment, action.set);
      case "scale": {
        const from = action.set.spec.replicas ?? 0;
        const annotations = { ...action.set.metadata.annotations, ...sizeAnnotations(deployment) };
        const scaled = await api.update({ ...action.set, metadata: { ...action.set.metadata, annotations }, spec: { ...action.set.spec, replicas: action.replicas } });
        if (from !== action.replicas) {
          const direction = action.replicas > from ? "up" : "down";
          events.record(deployment, { type: "Normal", reason: "ScalingReplicaSet", message: `Scaled ${direction} replica set ${name} from ${from} to ${action.replicas}` });
        }
        return scaled;
      }
      case "annotate":
        return api.patch(namespace, name, "merge", { metadata: { annotations: action.annotations } });
      case "delete":
        await unlessGone(api.delete(namespace, name, { preconditions: { uid: action.set.metadata.uid ?? "" } }));
        return undefined;
    }
  }

  /** A set of that name may exist already: ours from a write we have not seen yet, or, by rare chance, one of another template. */
  async function createSet(deployment: Deployment, set: ReplicaSet): Promise<ReplicaSet> {
    try {
      const created = await api.create(set);
      events.record(deployment, { type: "Normal", reason: "ScalingReplicaSet", message: `Scaled up replica set ${set.metadata.name} from 0 to ${set.spec.replicas}` });
      return created;
    } catch (error) {
      if (!hasReason(error, "AlreadyExists")) throw error;
      const existing = await api.get(set.metadata.namespace ?? "", set.metadata.name ?? "");
      if (isControlledBy(existing, deployment) && sameTemplate(existing.spec.template, deployment.spec.template)) return existing;
      await client.for(deploymentResource).updateStatus({ ...deployment, status: { ...deployment.status, collisionCount: (deployment.status?.collisionCount ?? 0) + 1 } });
      throw error;
    }
  }

  async function finish(deployment: Deployment, revision: string | undefined, { status, againMs }: ReturnType<typeof computeDeploymentStatus>): Promise<number | undefined> {
    let current = deployment;
    if (revision !== undefined && deployment.metadata.annotations?.[REVISION_ANNOTATION] !== revision) {
      const updated = await unlessGone(client.for(deploymentResource).patch(deployment.metadata.namespace ?? "", deployment.metadata.name ?? "", "merge", { metadata: { annotations: { [REVISION_ANNOTATION]: revision } } }));
      if (updated === undefined) return undefined;
      current = updated;
    }
    if (!jsonEqual(status, current.status)) await unlessGone(client.for(deploymentResource).updateStatus({ ...current, status }));
    return againMs;
  }
}
