import { jsonEqual } from "../../lib/freeze.ts";
import type {
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceRequestAllocationResult,
  NodeSelector,
  NodeSelectorRequirement,
} from "../../resources/types.ts";
import type { Candidate } from "./allocate-devices.ts";
import { formatAmounts, type Amounts } from "./device-capacity.ts";
import type { ClaimWishes, DeviceWish } from "./device-wish.ts";

/** A device for a wish; `shareId` and `consumed` where others may have the rest of it. */
export interface GivenDevice {
  readonly wish: DeviceWish;
  readonly candidate: Candidate;
  readonly shareId?: string;
  readonly consumed?: Amounts;
}

/** What becomes of a claim's status when it is given these devices. Pure. */
export function writeAllocation(claim: ClaimWishes, given: readonly GivenDevice[], nodeName: string): AllocationResult {
  const config = configurationOf(claim, given);
  const nodeSelector = nodesOf(given, nodeName);
  return {
    devices: { ...(given.length === 0 ? {} : { results: given.map(resultOf) }), ...(config.length === 0 ? {} : { config }) },
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
  };
}

function resultOf({ wish, candidate: { device, pool }, shareId, consumed }: GivenDevice): DeviceRequestAllocationResult {
  return {
    request: wish.reference,
    driver: pool.driver,
    pool: pool.name,
    device: device.name,
    ...(wish.isAdmin ? { adminAccess: true } : {}),
    ...(wish.tolerations.length === 0 ? {} : { tolerations: wish.tolerations }),
    ...(device.bindingConditions === undefined ? {} : { bindingConditions: device.bindingConditions }),
    ...(device.bindingFailureConditions === undefined ? {} : { bindingFailureConditions: device.bindingFailureConditions }),
    ...(shareId === undefined ? {} : { shareID: shareId }),
    ...(consumed === undefined || consumed.size === 0 ? {} : { consumedCapacity: formatAmounts(consumed) }),
  };
}

/** The settings of the classes that were chosen, then those of the claim that are about something it got. */
function configurationOf({ requests, devices }: ClaimWishes, given: readonly GivenDevice[]): readonly DeviceAllocationConfiguration[] {
  const granted = new Set(given.map(({ wish }) => wish));
  const chosen = requests.flatMap(({ isChoice, alternatives }) => (isChoice ? alternatives.filter((wish) => granted.has(wish)) : alternatives));
  const byClass = Map.groupBy(chosen, ({ deviceClass }) => deviceClass);
  const ofClasses = [...byClass].flatMap(([deviceClass, wishes]) =>
    (deviceClass.spec.config ?? []).map(({ opaque }): DeviceAllocationConfiguration => ({
      source: "FromClass",
      requests: wishes.map(({ reference }) => reference),
      ...(opaque === undefined ? {} : { opaque }),
    })),
  );
  const references = new Set(chosen.flatMap(({ request, reference }) => [request, reference]));
  const ofClaim = (devices.config ?? []).filter(({ requests: about = [] }) => about.length === 0 || about.some((reference) => references.has(reference)));
  return [...ofClasses, ...ofClaim.map((entry): DeviceAllocationConfiguration => ({ source: "FromClaim", ...entry }))];
}

/** Where all the devices can be used: on this node alone, where what their slices say holds, or anywhere. */
function nodesOf(given: readonly GivenDevice[], nodeName: string): NodeSelector | undefined {
  const fields: NodeSelectorRequirement[] = [];
  const labels: NodeSelectorRequirement[] = [];
  const add = (from: readonly NodeSelectorRequirement[] | undefined, to: NodeSelectorRequirement[]) => {
    for (const requirement of from ?? []) if (!to.some((known) => jsonEqual(known, requirement))) to.push(requirement);
  };
  for (const {
    candidate: { device, slice },
  } of given) {
    const place = slice.spec.perDeviceNodeSelection === true ? device : slice.spec;
    if (place.nodeName || device.bindsToNode === true)
      return { nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: [nodeName] }] }] };
    for (const term of place.nodeSelector?.nodeSelectorTerms ?? []) {
      add(term.matchFields, fields);
      add(term.matchExpressions, labels);
    }
  }
  if (fields.length + labels.length === 0) return undefined;
  return { nodeSelectorTerms: [{ ...(fields.length === 0 ? {} : { matchFields: fields }), ...(labels.length === 0 ? {} : { matchExpressions: labels }) }] };
}
