import { duplicateField, forbiddenField, invalidField, invalidFields, requiredField, requiredName, type FieldError } from "../../apimachinery/field-error.ts";
import { familyOf } from "../../lib/net/ip-address.ts";
import { dnsLabelProblems, dnsSubdomainProblems, qualifiedNameProblems } from "../../apimachinery/names.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { repeatsOf } from "../../lib/repeats.ts";
import { podContainers } from "../pod-containers.ts";
import type { Pod, PodCondition, PodExtendedResourceClaimStatus, PodResourceClaimStatus, PodSpec, PodStatus } from "../types.ts";
import { addressErrors } from "./ip.ts";

/** Conditions that need no name of their own, so that it is not looked at. */
const SYSTEM_CONDITIONS: ReadonlySet<string> = new Set(["PodScheduled", "Ready", "Initialized"]);

/**
 * What its node, its scheduler and others report of a pod. Addresses of a pod and of its machine, which other nodes write into their rules, a
 * node that is taken over may not choose freely. What was there before stays good.
 */
export function validatePodStatusUpdate({ spec, status = {} }: Pod, { status: before = {} }: Pod): FieldError[] {
  const { hostIP = "", hostIPs = [], observedGeneration = 0 } = status;
  const isHostKnown = hostIPs[0] === undefined || hostIPs[0].ip === hostIP;
  return [
    ...(status.conditions ?? []).flatMap(conditionErrors),
    ...nominationErrors(spec.nodeName, status.nominatedNodeName, before.nominatedNodeName),
    ...(observedGeneration < 0 ? [invalidField("status.observedGeneration", observedGeneration, "must be a non-negative integer")] : []),
    ...(status.qosClass === before.qosClass ? [] : [invalidField("status.qosClass", status.qosClass ?? "", "field is immutable")]),
    ...claimStatusErrors(spec, status.resourceClaimStatuses ?? []),
    ...(jsonEqual(status.extendedResourceClaimStatus, before.extendedResourceClaimStatus) ? [] : extendedClaimErrors(spec, status.extendedResourceClaimStatus)),
    ...addressListErrors("status.podIPs", status.podIPs, before.podIPs),
    ...(isHostKnown ? [] : [invalidField("status.hostIPs[0].ip", hostIPs[0]?.ip ?? "", "must be equal to `hostIP`")]),
    ...addressListErrors("status.hostIPs", hostIPs, before.hostIPs),
  ];
}

function conditionErrors({ type, observedGeneration = 0 }: PodCondition, index: number): FieldError[] {
  const at = `status.conditions[${index}]`;
  return [
    ...(observedGeneration < 0 ? [invalidField(`${at}.observedGeneration`, observedGeneration, "must be a non-negative integer")] : []),
    ...(SYSTEM_CONDITIONS.has(type) ? [] : invalidFields(`${at}.Type`, type, qualifiedNameProblems(type))),
  ];
}

function nominationErrors(nodeName: string | undefined, nominated = "", before = ""): FieldError[] {
  const at = "status.nominatedNodeName";
  if (nominated === before || nominated === "") return [];
  return [
    ...invalidFields(at, nominated, dnsSubdomainProblems(nominated)),
    ...(nodeName ? [forbiddenField(at, "may not be set on pods that are already bound to a node")] : []),
  ];
}

/** The claim that stands for a pod's extended resources, and which container's resource each of its requests is. */
function extendedClaimErrors(spec: PodSpec, status: PodExtendedResourceClaimStatus | undefined): FieldError[] {
  if (status === undefined) return [];
  const at = "status.extendedResourceClaimStatus";
  const { resourceClaimName } = status;
  const requestMappings = status.requestMappings ?? [];
  const containers = new Map(podContainers(spec).map((container) => [container.name, container]));
  const repeats = repeatsOf(requestMappings, ({ containerName, resourceName, requestName }) => JSON.stringify([containerName, resourceName, requestName]));
  return [
    ...(requestMappings.length === 0 ? [requiredField(`${at}.requestMappings`, "at least one request mapping is required")] : []),
    ...requestMappings.flatMap((mapping, index) => {
      const path = `${at}.requestMappings[${index}]`;
      const { containerName, resourceName, requestName } = mapping;
      const container = containers.get(containerName);
      const isAsked = container?.resources?.requests?.[resourceName] !== undefined;
      return [
        ...(container === undefined
          ? [invalidField(`${path}.containerName`, containerName, "must match the name of an entry in spec.initContainers.name or spec.containers.name")]
          : isAsked
            ? []
            : [
                invalidField(
                  `${path}.resourceName`,
                  resourceName,
                  "must match the extended resource name of an entry in spec.initContainers.resources.requests or spec.containers.resources.requests",
                ),
              ]),
        ...invalidFields(`${at}.requestName`, requestName, dnsLabelProblems(requestName)),
        ...(repeats[index] === true
          ? (["containerName", "resourceName", "requestName"] as const).map((field) => duplicateField(`${path}.${field}`, mapping[field]))
          : []),
      ];
    }),
    ...requiredName(`${at}.resourceClaimName`, resourceClaimName, dnsSubdomainProblems),
  ];
}

function claimStatusErrors({ resourceClaims = [] }: PodSpec, statuses: readonly PodResourceClaimStatus[]): FieldError[] {
  const claims = new Set(resourceClaims.map(({ name }) => name));
  const names = new Set<string>();
  return statuses.flatMap(({ name, resourceClaimName }, index) => {
    const at = `status.resourceClaimStatuses[${index}]`;
    const isRepeated = names.has(name);
    names.add(name);
    return [
      ...(claims.has(name) ? [] : [invalidField(`${at}.name`, name, "must match the name of an entry in `spec.resourceClaims`")]),
      ...(isRepeated ? [duplicateField(`${at}.name`, name)] : []),
      ...(resourceClaimName === undefined ? [] : invalidFields(`${at}.resourceClaimName`, resourceClaimName, dnsSubdomainProblems(resourceClaimName))),
    ];
  });
}

/** With one word on the pod's addresses: of clients that know only the older field it is the only one, and where they differ the older one counts. */
export function withPodAddresses(status: PodStatus): PodStatus {
  const { podIP = "", podIPs = [] } = status;
  if (podIP === (podIPs[0]?.ip ?? "")) return status;
  return podIP === "" ? { ...status, podIP: podIPs[0]?.ip ?? "" } : { ...status, podIPs: [{ ip: podIP }] };
}

type Addresses = readonly { readonly ip: string }[];

function addressListErrors(field: string, addresses: Addresses = [], known: Addresses = []): FieldError[] {
  const errors = addresses.flatMap(({ ip }, index) =>
    addressErrors(
      ip,
      `${field}[${index}]`,
      known.map((one) => one.ip),
    ),
  );
  if (addresses.length < 2) return errors;
  const families = addresses.map(({ ip }) => familyOf(ip));
  const isPair = addresses.length === 2 && families[0] !== undefined && families[1] !== undefined && families[0] !== families[1];
  return isPair ? errors : [...errors, invalidField(field, addresses, "may specify no more than one IP for each IP family")];
}
