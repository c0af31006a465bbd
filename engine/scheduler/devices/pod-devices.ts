import { claimsOfPod, EXTENDED_CLAIM_ANNOTATION, isClaimOf } from "../../resources/device/pod-device-claims.ts";
import { matchesSelector } from "../../resources/node-selector.ts";
import type { AllocationResult, DeviceClass, Pod, ResourceClaim } from "../../resources/types.ts";
import type { Random } from "../../lib/random.ts";
import { allocateDevices, AllocationError } from "./allocate-devices.ts";
import { hasBindingFailed } from "./binding-conditions.ts";
import type { SliceIndex } from "./device-pools.ts";
import { readWishes, type ClaimWishes } from "./device-wish.ts";
import type { DevicesInUse } from "./devices-in-use.ts";
import { computeExtendedClaim, extendedClaimUid, type ExtendedClaim } from "./extended-claim.ts";
import type { NodeInfo, PodInfo } from "../node-info.ts";

/** Alternatives of a request; the first scores highest. */
const ALTERNATIVES_MAX = 8;

/** What is known of devices, from caches and from what is under way. */
export interface DeviceFacts {
  claim(namespace: string, name: string): ResourceClaim | undefined;
  /** Claims that were made for the pod. */
  claimsOwnedBy(uid: string): readonly ResourceClaim[];
  /** Whether another pod is just getting devices for the claim. */
  isPending(claimUid: string): boolean;
  deviceClass(name: string): DeviceClass | undefined;
  /** The class behind an extended resource. */
  classOfResource(name: string): DeviceClass | undefined;
  slices(): SliceIndex;
  readonly inUse: DevicesInUse;
  readonly random: Random;
  nowMs(): number;
}

export type NodeDevices =
  /** New allocations by the uid of their claim. */
  | { readonly is: "available"; readonly allocations: ReadonlyMap<string, AllocationResult>; readonly extended?: ExtendedClaim }
  /** `claims`: those that have devices elsewhere, or ones that failed. */
  | { readonly is: "unavailable"; readonly why: string; readonly claims: readonly ResourceClaim[] };

/** What a pod's claims mean for where it can go, as things are now: what is worked out for a node holds for one look at the cluster. */
export interface PodDevices {
  /** Why the pod can go nowhere. */
  readonly problem: string | undefined;
  /** Its claims are still to be made: nothing to tell anybody about. */
  readonly isAwaited: boolean;
  readonly claims: readonly ResourceClaim[];
  /** A claim for extended resources from an attempt that failed. */
  readonly leftover: ResourceClaim | undefined;
  /** Its extended resources that have a class. */
  readonly extended: ReadonlyMap<string, DeviceClass>;
  on(node: NodeInfo): NodeDevices;
  /** Claims that kept the pod from nodes which were looked at. */
  blocking(): ReadonlySet<ResourceClaim>;
  /** The better alternatives it would get on the node, the more; 0 where nothing was worked out. */
  score(nodeName: string): number;
}

/** Looks up everything about a pod's devices; undefined for pods that want none. */
export function resolvePodDevices(info: PodInfo, facts: DeviceFacts): PodDevices | undefined {
  const { pod } = info;
  const extended = new Map(
    Object.entries(info.requests).flatMap(([name, amount]) => {
      const deviceClass = amount > 0 && name.includes("/") ? facts.classOfResource(name) : undefined;
      return deviceClass === undefined ? [] : [[name, deviceClass] as const];
    }),
  );
  if ((pod.spec.resourceClaims?.length ?? 0) === 0 && extended.size === 0) return undefined;
  const found = findClaims(pod, facts);
  const leftover =
    extended.size === 0
      ? undefined
      : facts.claimsOwnedBy(pod.metadata.uid ?? "").find(({ metadata }) => metadata.annotations?.[EXTENDED_CLAIM_ANNOTATION] === "true");
  const claims = "problem" in found ? [] : found.claims;
  const wishes = claims
    .filter(({ status }) => status?.allocation === undefined)
    .map((claim) =>
      facts.isPending(claim.metadata.uid ?? "")
        ? { problem: `resource claim ${claim.metadata.namespace}/${claim.metadata.name} is in the process of being allocated` }
        : readWishes(claim, facts.deviceClass),
    );
  const stuck = "problem" in found ? found : wishes.find((wish) => "problem" in wish);
  const problem = stuck?.problem ?? (leftover === undefined ? undefined : "cannot schedule extended resource claim");
  return new ResolvedDevices({
    pod,
    facts,
    claims,
    wishes: wishes.flatMap((wish) => ("problem" in wish ? [] : [wish])),
    problem,
    leftover,
    extended,
    isAwaited: "isAwaited" in found && found.isAwaited === true,
  });
}

type FoundClaims = { readonly claims: readonly ResourceClaim[] } | { readonly problem: string; readonly isAwaited?: boolean };

function findClaims(pod: Pod, facts: DeviceFacts): FoundClaims {
  const { namespace = "", name: podName } = pod.metadata;
  const claims: ResourceClaim[] = [];
  for (const wanted of claimsOfPod(pod)) {
    if (wanted.is === "unneeded") continue;
    if (wanted.is === "awaited") return { problem: `pod "${podName}" waits for the claim of ${wanted.entry.name}, which is not created yet`, isAwaited: true };
    const claim = facts.claim(namespace, wanted.name);
    if (claim === undefined) return { problem: `resourceclaim "${wanted.name}" not found`, isAwaited: wanted.isGenerated };
    if (claim.metadata.deletionTimestamp !== undefined) return { problem: `resourceclaim "${wanted.name}" is being deleted` };
    if (wanted.isGenerated && !isClaimOf(claim, pod))
      return { problem: `ResourceClaim ${namespace}/${wanted.name} was not created for Pod ${namespace}/${podName} (Pod is not owner)` };
    claims.push(claim);
  }
  return { claims };
}

interface Resolution extends Pick<PodDevices, "problem" | "isAwaited" | "claims" | "leftover" | "extended"> {
  readonly pod: Pod;
  readonly facts: DeviceFacts;
  readonly wishes: readonly ClaimWishes[];
}

class ResolvedDevices implements PodDevices {
  readonly problem: string | undefined;
  readonly isAwaited: boolean;
  readonly claims: readonly ResourceClaim[];
  readonly leftover: ResourceClaim | undefined;
  readonly extended: ReadonlyMap<string, DeviceClass>;
  readonly #resolution: Resolution;
  readonly #byNode = new Map<string, NodeDevices>();
  /** What one node showed to be hopeless everywhere. */
  #failure: string | undefined;

  constructor(resolution: Resolution) {
    this.problem = resolution.problem;
    this.isAwaited = resolution.isAwaited;
    this.claims = resolution.claims;
    this.leftover = resolution.leftover;
    this.extended = resolution.extended;
    this.#resolution = resolution;
  }

  on(node: NodeInfo): NodeDevices {
    let known = this.#byNode.get(node.name);
    if (known === undefined) this.#byNode.set(node.name, (known = this.#lookAt(node)));
    return known;
  }

  blocking(): ReadonlySet<ResourceClaim> {
    return new Set([...this.#byNode.values()].flatMap((known) => (known.is === "unavailable" ? known.claims : [])));
  }

  score(nodeName: string): number {
    const known = this.#byNode.get(nodeName);
    if (known?.is !== "available") return 0;
    return this.claims.reduce((sum, claim) => {
      const { results = [] } = (claim.status?.allocation ?? known.allocations.get(claim.metadata.uid ?? ""))?.devices ?? {};
      const granted = new Set(results.map(({ request }) => request));
      const ranks = (claim.spec.devices?.requests ?? []).flatMap(({ name, firstAvailable = [] }) =>
        firstAvailable.flatMap((option, index) => (granted.has(`${name}/${option.name}`) ? [ALTERNATIVES_MAX - index] : [])),
      );
      return sum + ranks.reduce((total, rank) => total + rank, 0);
    }, 0);
  }

  #lookAt({ node, allocatable }: NodeInfo): NodeDevices {
    const { pod, facts, wishes } = this.#resolution;
    const elsewhere = this.claims.filter((claim) => {
      const allocation = claim.status?.allocation;
      if (allocation === undefined) return false;
      return (allocation.nodeSelector !== undefined && !matchesSelector(allocation.nodeSelector, node)) || hasBindingFailed(claim, facts.nowMs());
    });
    if (elsewhere.length > 0) return { is: "unavailable", why: "resourceclaim not available on the node", claims: elsewhere };
    // What a device plugin of the node offers needs no claim.
    const backed = new Map([...this.extended].filter(([name]) => (allocatable[name] ?? 0) === 0));
    const extended = backed.size === 0 ? undefined : computeExtendedClaim(pod, backed);
    const more = extended === undefined ? [] : [readWishes(extended.claim, facts.deviceClass)].flatMap((wish) => ("problem" in wish ? [] : [wish]));
    const wanted = [...wishes, ...more];
    if (wanted.length === 0) return { is: "available", allocations: new Map() };
    const allocations = this.#allocate(wanted, node);
    if (typeof allocations === "string") return { is: "unavailable", why: allocations, claims: [] };
    const byClaim = new Map(wanted.map(({ claim }, index) => [claim.metadata.uid ?? "", allocations[index] as AllocationResult])); // one for each
    return { is: "available", allocations: byClaim, ...(extended === undefined || !byClaim.has(extendedClaimUid(pod)) ? {} : { extended }) };
  }

  #allocate(claims: readonly ClaimWishes[], node: NodeInfo["node"]): readonly AllocationResult[] | string {
    if (this.#failure !== undefined) return this.#failure;
    const { facts } = this.#resolution;
    try {
      return allocateDevices({ claims, slices: facts.slices(), inUse: facts.inUse, random: facts.random }, node);
    } catch (error) {
      if (error instanceof AllocationError) return (this.#failure = error.message);
      throw error;
    }
  }
}
