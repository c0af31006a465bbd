import { parseQuantity } from "../../apimachinery/quantity.ts";
import { EXTENDED_CLAIM_ANNOTATION } from "../../resources/device/pod-device-claims.ts";
import type { Container, ContainerExtendedResourceRequest, DeviceClass, DeviceRequest, Pod, ResourceClaim } from "../../resources/types.ts";

/** The claim that stands for a pod's extended resources on a node, and which container gets what of it. */
export interface ExtendedClaim {
  readonly claim: ResourceClaim;
  readonly mappings: readonly ContainerExtendedResourceRequest[];
}

/** Not made yet, so it is known by its pod. */
export function extendedClaimUid({ metadata }: Pod): string {
  return `extended-resources-of-${metadata.uid}`;
}

interface NamedRequest extends DeviceRequest {
  readonly exactly: NonNullable<DeviceRequest["exactly"]>;
}

/**
 * Devices for what containers ask of these resources. Containers that run together need devices of their own; init containers use those
 * of the ones that start after them, and one more request where that is too few. Pure.
 */
export function computeExtendedClaim(pod: Pod, resources: ReadonlyMap<string, DeviceClass>): ExtendedClaim {
  const requests: NamedRequest[] = [];
  const mappings: ContainerExtendedResourceRequest[] = [];
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const isShortLived = (index: number) => index < (pod.spec.initContainers?.length ?? 0) && containers[index]?.restartPolicy !== "Always";
  for (const resource of [...resources.keys()].sort()) {
    const className = resources.get(resource)?.metadata.name ?? "";
    const lasting = containers.map((container, index) => (isShortLived(index) ? undefined : requestOf(container, index, resource, className, 0)));
    for (const [index, request] of lasting.entries())
      if (request !== undefined) mappings.push({ containerName: containers[index]?.name ?? "", resourceName: resource, requestName: request.name });
    const extra = largestExtra(containers, isShortLived, lasting, resource, className);
    for (const [index, container] of containers.entries()) {
      if (!isShortLived(index)) continue;
      let missing = amountOf(container, resource);
      for (const request of [...lasting.slice(index), extra]) {
        if (request === undefined || missing <= 0) continue;
        mappings.push({ containerName: container.name, resourceName: resource, requestName: request.name });
        missing -= request.exactly.count ?? 0;
      }
    }
    requests.push(...[extra, ...lasting].filter((request) => request !== undefined));
  }
  requests.sort((a, b) => (a.name < b.name ? -1 : 1));
  const { name = "", namespace = "", uid = "" } = pod.metadata;
  const claim: ResourceClaim = {
    apiVersion: "resource.k8s.io/v1",
    kind: "ResourceClaim",
    metadata: {
      generateName: `${name}-extended-resources-`,
      namespace,
      uid: extendedClaimUid(pod),
      annotations: { [EXTENDED_CLAIM_ANNOTATION]: "true" },
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name, uid, controller: true }],
    },
    spec: { devices: { requests } },
  };
  return { claim, mappings };
}

/** What init containers need beyond the devices of those after them; they run one after another, so the largest need is enough. */
function largestExtra(
  containers: readonly Container[],
  isShortLived: (index: number) => boolean,
  lasting: readonly (NamedRequest | undefined)[],
  resource: string,
  className: string,
): NamedRequest | undefined {
  let largest: NamedRequest | undefined;
  for (const [index, container] of containers.entries()) {
    if (!isShortLived(index)) continue;
    const reusable = lasting.slice(index).reduce((sum, request) => sum + (request?.exactly.count ?? 0), 0);
    const extra = requestOf(container, index, resource, className, reusable);
    if (extra !== undefined && (extra.exactly.count ?? 0) > (largest?.exactly.count ?? 0)) largest = extra;
  }
  return largest;
}

function requestOf(container: Container, index: number, resource: string, className: string, reusable: number): NamedRequest | undefined {
  const count = amountOf(container, resource) - reusable;
  if (count <= 0) return undefined;
  const position = Object.keys(container.resources?.requests ?? {})
    .sort()
    .indexOf(resource);
  return { name: `container-${index}-request-${position}`, exactly: { deviceClassName: className, allocationMode: "ExactCount", count } };
}

function amountOf({ resources }: Container, resource: string): number {
  const amount = resources?.requests?.[resource] as string | number | undefined; // a quantity, by the schema
  return amount === undefined ? 0 : parseQuantity(amount);
}
