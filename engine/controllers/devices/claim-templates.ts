import { objectKey, splitKey, type KubeObject } from "../../apimachinery/object-meta.ts";
import { describeError } from "../../lib/log.ts";
import { podResource } from "../../resources/core/pod.ts";
import {
  claimsOfPod,
  deviceClaimKeys,
  findDeviceClaims,
  isClaimOf,
  isReservedFor,
  POD_CLAIM_ANNOTATION,
  withReservation,
} from "../../resources/device/pod-device-claims.ts";
import { resourceClaimTemplateResource } from "../../resources/device/resource-claim-template.ts";
import { resourceClaimResource } from "../../resources/device/resource-claim.ts";
import type { Pod, PodResourceClaim, ResourceClaim, ResourceClaimTemplate } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { claimCreationCounter } from "./claim-metrics.ts";
import { create, isBeingDeleted, tell, update, watch, type Action, type ControllerDefinition, type Outcome } from "../define-controller.ts";
import { isPodFinished, OWNER_INDEX, ownerIndex } from "../pods.ts";

const CLAIM_INDEX = "deviceClaims";
const TEMPLATE_INDEX = "deviceClaimTemplates";
/** What leaves room in a name for the letters that the API server adds. */
const BASE_NAME_MAX = 57;

type Stored<T> = T & KubeObject;

export interface ClaimTemplateInputs {
  readonly pod: Stored<Pod>;
  /** By name; those that the pod refers to. */
  readonly claims: ReadonlyMap<string, Stored<ResourceClaim>>;
  /** Those made for the pod, whether its status says so yet or not. */
  readonly own: readonly Stored<ResourceClaim>[];
  /** By name. */
  readonly templates: ReadonlyMap<string, ResourceClaimTemplate>;
}

/** Makes what is missing of a pod's claims, and has a pod that came to its node without the scheduler use those that have devices. Pure. */
function planPodClaims(inputs: ClaimTemplateInputs): readonly Action[] {
  const { pod, templates, claims } = inputs;
  const untemplated = missingEntries(inputs).filter(({ resourceClaimTemplateName: name = "" }) => !templates.has(name));
  const actions = [
    ...untemplated.map((entry) =>
      failed(
        pod,
        entry,
        `resource claim template "${entry.resourceClaimTemplateName}": resourceclaimtemplate.resource.k8s.io "${entry.resourceClaimTemplateName}" not found`,
      ),
    ),
    ...plannedClaims(inputs).map((claim) => create(resourceClaimResource, claim)),
  ];
  if (!pod.spec.nodeName) return actions;
  const unreserved = findDeviceClaims(pod, (name) => claims.get(name)).filter((claim) => claim.status?.allocation !== undefined && !isReservedFor(claim, pod));
  return [...actions, ...unreserved.map((claim) => update(resourceClaimResource, withReservation(claim, pod), "status"))];
}

/** Tells the pod which claims were made for it, and its user why one was not. Pure. */
function concludePodClaims(inputs: ClaimTemplateInputs, { created, failure }: Pick<Outcome, "created" | "failure">): readonly Action[] {
  const { pod } = inputs;
  const own = [...inputs.own, ...(created as readonly Stored<ResourceClaim>[])]; // nothing else is created
  const awaited = awaitedEntries(inputs);
  const statuses = awaited.flatMap((entry) => {
    const claim = madeFor(own, entry);
    return claim === undefined ? [] : [{ name: entry.name, resourceClaimName: claim.metadata.name }];
  });
  const stuck = failure === undefined ? undefined : awaited.find((entry) => madeFor(own, entry) === undefined);
  return [
    ...(statuses.length === 0
      ? []
      : [{ do: "patch", resource: podResource, object: pod, patch: { status: { resourceClaimStatuses: statuses } }, subresource: "status" } as const]),
    ...(stuck === undefined ? [] : [failed(pod, stuck, `create ResourceClaim: ${describeError(failure)}`)]),
  ];
}

/** The entries for which nothing has been made yet. */
function missingEntries(inputs: ClaimTemplateInputs): readonly PodResourceClaim[] {
  return awaitedEntries(inputs).filter((entry) => madeFor(inputs.own, entry) === undefined);
}

/** What is to be made for them, in the order in which it is. */
function plannedClaims(inputs: ClaimTemplateInputs): readonly Stored<ResourceClaim>[] {
  return missingEntries(inputs).flatMap((entry) => {
    const template = inputs.templates.get(entry.resourceClaimTemplateName ?? "");
    return template === undefined ? [] : [claimFrom(inputs.pod, entry, template)];
  });
}

/** The entries of a pod that have no claim of the pod's own yet. */
function awaitedEntries({ pod, claims }: ClaimTemplateInputs): readonly PodResourceClaim[] {
  return claimsOfPod(pod).flatMap((claim) => {
    if (claim.entry.resourceClaimTemplateName === undefined || claim.is === "unneeded") return [];
    const found = claim.is === "named" ? claims.get(claim.name) : undefined;
    return found !== undefined && isClaimOf(found, pod) ? [] : [claim.entry];
  });
}

function madeFor(own: readonly Stored<ResourceClaim>[], entry: PodResourceClaim): Stored<ResourceClaim> | undefined {
  return own.find(({ metadata }) => metadata.annotations?.[POD_CLAIM_ANNOTATION] === entry.name);
}

function failed(pod: Stored<Pod>, entry: PodResourceClaim, why: string): Action {
  return tell(pod, "Warning", "FailedResourceClaimCreation", `PodResourceClaim ${entry.name}: ${why}`);
}

function claimFrom(
  { metadata: { name: podName = "", namespace = "", uid = "" } }: Stored<Pod>,
  entry: PodResourceClaim,
  { spec: { metadata, spec } }: ResourceClaimTemplate,
): Stored<ResourceClaim> {
  const full = `${podName}-${entry.name}-`;
  const share = BASE_NAME_MAX / full.length;
  const generateName =
    share >= 1 ? full : `${podName.slice(0, Math.floor(podName.length * share))}-${entry.name.slice(0, Math.floor(entry.name.length * share))}`;
  return {
    apiVersion: "resource.k8s.io/v1",
    kind: "ResourceClaim",
    metadata: {
      generateName,
      namespace,
      ...(metadata?.labels === undefined ? {} : { labels: metadata.labels }),
      annotations: { ...metadata?.annotations, [POD_CLAIM_ANNOTATION]: entry.name },
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: podName, uid, controller: true }],
    },
    spec,
  };
}

/** Gives pods the claims that their templates ask for. */
export function claimTemplateController({ informers, metrics }: ControllerContext): ControllerDefinition<ClaimTemplateInputs> {
  const pods = informers.informer(podResource);
  const claims = informers.informer(resourceClaimResource);
  const templates = informers.informer(resourceClaimTemplateResource);
  const countCreation = claimCreationCounter(metrics);
  pods.addIndex(CLAIM_INDEX, deviceClaimKeys);
  pods.addIndex(TEMPLATE_INDEX, (pod) =>
    (pod.spec.resourceClaims ?? []).flatMap(({ resourceClaimTemplateName: name }) => (name === undefined ? [] : [`${pod.metadata.namespace ?? ""}/${name}`])),
  );
  claims.addIndex(OWNER_INDEX, ownerIndex);
  return {
    name: "resource-claim-templates",
    component: "resource_claim",
    watches: [
      watch(
        pods,
        (pod) => [objectKey(pod)],
        (_old, pod) => (pod?.spec.resourceClaims?.length ?? 0) > 0,
      ),
      // One that is lost is made again, and one that got its devices may have to be reserved.
      watch(claims, (claim) => pods.byIndex(CLAIM_INDEX, objectKey(claim)).map(objectKey)),
      watch(
        templates,
        (template) => pods.byIndex(TEMPLATE_INDEX, objectKey(template)).map(objectKey),
        (_old, template) => template !== undefined,
      ),
    ],
    observe(key) {
      const { namespace, name } = splitKey(key);
      const pod = pods.get(namespace, name) as Stored<Pod> | undefined; // stored, so it has its names
      if (pod === undefined || isBeingDeleted(pod) || isPodFinished(pod)) return undefined;
      const found = deviceClaimKeys(pod).flatMap((claimKey) => claims.getByKey(claimKey) ?? []);
      const wanted = (pod.spec.resourceClaims ?? []).flatMap(({ resourceClaimTemplateName = "" }) => templates.get(namespace, resourceClaimTemplateName) ?? []);
      return {
        pod,
        claims: new Map(found.map((claim) => [claim.metadata.name ?? "", claim as Stored<ResourceClaim>])), // likewise
        own: claims.byIndex(OWNER_INDEX, pod.metadata.uid ?? "") as Stored<ResourceClaim>[], // likewise
        templates: new Map(wanted.map((template) => [template.metadata.name ?? "", template])),
      };
    },
    plan: planPodClaims,
    conclude(inputs, outcome) {
      for (const claim of outcome.created) countCreation("success", (claim as Stored<ResourceClaim>).spec); // nothing else is created
      const failed = outcome.failure === undefined ? undefined : plannedClaims(inputs)[outcome.created.length];
      if (failed !== undefined) countCreation("failure", failed.spec);
      return concludePodClaims(inputs, outcome);
    },
  };
}
