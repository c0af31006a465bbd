import { findCondition, isConditionTrue } from "../../apimachinery/conditions.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { customResourceDefinitionResource } from "../../resources/apiextensions/custom-resource-definition.ts";
import type { CustomResourceDefinition } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { approvalCondition, planCustomKind, type CustomKindInputs, type Leftovers } from "./custom-kind-plan.ts";
import { storedReference } from "./custom-references.ts";
import { isBeingDeleted, watch, type ControllerDefinition } from "../define-controller.ts";

/** Accepts and establishes what users define, and empties it before it goes. */
export function customKindController({ client, informers, timings }: ControllerContext): ControllerDefinition<CustomKindInputs> {
  const definitions = informers.informer(customResourceDefinitionResource);
  const nameOf = ({ metadata }: CustomResourceDefinition) => metadata.name ?? "";
  const inGroup = (group: string) => definitions.list().filter(({ spec }) => spec.group === group);
  return {
    name: "custom-resource-definitions",
    // Names are given to one after another.
    workers: 1,
    watches: [
      watch(definitions, (definition) => [nameOf(definition)]),
      // Names that nobody has any more may be what another waits for.
      watch(
        definitions,
        ({ spec }) => inGroup(spec.group).filter(isWaiting).map(nameOf),
        (old, definition) => old !== undefined && !jsonEqual(old.status?.acceptedNames, definition?.status?.acceptedNames),
      ),
    ],
    async observe(name) {
      const definition = definitions.get("", name);
      if (definition === undefined || isSettled(definition)) return undefined;
      // Two that want one name may have been made at once: what the other was given is asked of the API.
      const all = isBeingDeleted(definition) ? [] : (await client.for(customResourceDefinitionResource).list("")).items;
      const others = all.filter((other) => other.spec.group === definition.spec.group && nameOf(other) !== name);
      return { definition, others, leftovers: isBeingDeleted(definition) ? await leftoversOf(definition) : undefined };
    },
    plan: (inputs, nowMs) => planCustomKind(inputs, timings.namespacePeriodMs, nowMs),
  };

  async function leftoversOf(definition: CustomResourceDefinition): Promise<Leftovers | undefined> {
    const resource = storedReference(definition);
    return resource && { resource, objects: (await client.for(resource).list("")).items };
  }
}

/** Nothing is left to be done for it. */
function isSettled(definition: CustomResourceDefinition): boolean {
  const { spec, status } = definition;
  const isFine =
    isConditionTrue(status?.conditions, "Established") &&
    isConditionTrue(status?.conditions, "NamesAccepted") &&
    findCondition(status?.conditions, "NonStructuralSchema") === undefined &&
    isApprovalTold(definition);
  return !isBeingDeleted(definition) && isFine && jsonEqual(status?.acceptedNames, spec.names);
}

function isApprovalTold(definition: CustomResourceDefinition): boolean {
  const due = approvalCondition(definition);
  const told = findCondition(definition.status?.conditions, "KubernetesAPIApprovalPolicyConformant");
  return due === undefined || (told !== undefined && told.reason === due.reason && told.message === due.message);
}

function isWaiting({ status }: CustomResourceDefinition): boolean {
  return findCondition(status?.conditions, "NamesAccepted")?.status === "False";
}
