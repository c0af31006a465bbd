import { withMetadata } from "../../apimachinery/object-copy.ts";
import { controllerOf, objectKey, splitKey, type KubeObject } from "../../apimachinery/object-meta.ts";
import { unlessGone } from "../../apimachinery/status-error.ts";
import { podResource } from "../../resources/core/pod.ts";
import { CLAIM_FINALIZER, deviceClaimKeys, hasDeviceClaims } from "../../resources/device/pod-device-claims.ts";
import { resourceClaimResource } from "../../resources/device/resource-claim.ts";
import type { Pod, ResourceClaim, ResourceClaimConsumerReference } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { isBeingDeleted, update, watch, type Action, type ControllerDefinition, type Outcome } from "../define-controller.ts";
import { isPodFinished } from "../pods.ts";

type StoredClaim = ResourceClaim & KubeObject;

export interface ClaimReleaseInputs {
  readonly claim: StoredClaim;
  /** Users of the claim that will run no more. */
  readonly gone: ReadonlySet<string>;
  /** Whether the claim was made for a pod that needs it no more. */
  readonly isOrphan: boolean;
}

/** Takes those off a claim who are done with it; the last one takes the devices along. What was made for one of them goes with it. Pure. */
function planClaimRelease({ claim, gone, isOrphan }: ClaimReleaseInputs): readonly Action[] {
  const users = claim.status?.reservedFor ?? [];
  const remaining = users.filter(({ uid }) => !gone.has(uid));
  const isUnused = remaining.length === 0;
  const isOurs = claim.metadata.finalizers?.includes(CLAIM_FINALIZER) === true;
  const isFreed = isUnused && isOurs && claim.status?.allocation !== undefined && (users.length > 0 || isBeingDeleted(claim));
  const actions: Action[] = [];
  if (remaining.length < users.length || isFreed) actions.push(update(resourceClaimResource, withStatus(claim, remaining, isFreed), "status"));
  else if (isUnused && isOurs && isBeingDeleted(claim)) actions.push(update(resourceClaimResource, withoutFinalizer(claim)));
  if (isUnused && isOrphan && !isBeingDeleted(claim)) actions.push({ do: "delete", resource: resourceClaimResource, object: claim });
  return actions;
}

/** A claim that has just lost its devices needs no protection, unless somebody has given it others since: then the update fails. Pure. */
function concludeClaimRelease({ claim }: ClaimReleaseInputs, { updated }: Pick<Outcome, "updated">): readonly Action[] {
  const freed = updated[0] as StoredClaim | undefined; // nothing but the claim is updated
  const wasFreed = freed !== undefined && claim.status?.allocation !== undefined && freed.status?.allocation === undefined;
  return wasFreed && freed.metadata.finalizers?.includes(CLAIM_FINALIZER) === true ? [update(resourceClaimResource, withoutFinalizer(freed))] : [];
}

function withStatus(claim: StoredClaim, reservedFor: readonly ResourceClaimConsumerReference[], isFreed: boolean): StoredClaim {
  const { allocation, reservedFor: _users, ...rest } = claim.status ?? {};
  return {
    ...claim,
    status: { ...rest, ...(isFreed || allocation === undefined ? {} : { allocation }), ...(reservedFor.length === 0 ? {} : { reservedFor }) },
  };
}

function withoutFinalizer(claim: StoredClaim): StoredClaim {
  return withMetadata(claim, { finalizers: (claim.metadata.finalizers ?? []).filter((finalizer) => finalizer !== CLAIM_FINALIZER) });
}

/** A pod that is over, or was deleted before it had a node, uses nothing any more. */
function isDone(pod: Pod): boolean {
  return isPodFinished(pod) || (pod.metadata.deletionTimestamp !== undefined && !pod.spec.nodeName);
}

/** Gives devices back when their pods are done. */
export function claimReleaseController({ client, informers }: ControllerContext): ControllerDefinition<ClaimReleaseInputs> {
  const pods = informers.informer(podResource);
  const claims = informers.informer(resourceClaimResource);
  /** Asked of the API before a pod counts as gone: the informer may not know yet that it came. */
  const isGone = async (namespace: string, { apiGroup = "", resource, name, uid }: ResourceClaimConsumerReference) => {
    if (apiGroup !== "" || resource !== "pods") return false;
    const pod = pods.get(namespace, name) ?? (await unlessGone(client.for(podResource).get(namespace, name)));
    return pod === undefined || pod.metadata.uid !== uid || isDone(pod);
  };
  return {
    name: "resource-claim-release",
    watches: [
      watch(
        claims,
        (claim) => [objectKey(claim)],
        (_old, claim) => claim !== undefined,
      ),
      watch(pods, deviceClaimKeys, (old, pod) => hasDeviceClaims((pod ?? old) as Pod) && (pod === undefined || isDone(pod))), // a change has an object before or after it
    ],
    async observe(key) {
      const { namespace, name } = splitKey(key);
      const claim = claims.get(namespace, name) as StoredClaim | undefined; // stored, so it has its names
      if (claim === undefined) return undefined;
      const users = claim.status?.reservedFor ?? [];
      const gone = new Set<string>();
      for (const user of users) if (await isGone(namespace, user)) gone.add(user.uid);
      const owner = controllerOf(claim);
      const ownPod = owner?.apiVersion === "v1" && owner.kind === "Pod" ? pods.get(namespace, owner.name) : undefined;
      return { claim, gone, isOrphan: ownPod !== undefined && (ownPod.metadata.uid !== owner?.uid || isDone(ownPod)) };
    },
    plan: planClaimRelease,
    conclude: concludeClaimRelease,
  };
}
