import { forbiddenField, invalid, type FieldError } from "../../apimachinery/field-error.ts";
import { NODE_NAME_EXTRA, splitServiceAccountUsername } from "../../apimachinery/known-users.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { namespaceResource } from "../../resources/core/namespace.ts";
import type { AllocatedDeviceStatus, AllocationResult, DeviceClaim, ResourceClaim, ResourceClaimTemplate } from "../../resources/types.ts";
import { isKind, requestName, type AdmissionAttributes, type AdmissionPlugin, type AdmissionReader } from "../admission.ts";
import type { AskRights } from "../expressions/rights-questions.ts";

const GROUP = "resource.k8s.io";
const ADMIN_LABEL = "resource.kubernetes.io/admin-access";
/** A right on either is enough: whoever may write a status may do it both ways. */
const WRITES = ["update", "patch"] as const;

/**
 * What upstream's strategies ask of writers of claims, beside their content: a namespace that is meant for administrators for access to
 * devices in use, and rights of their own to give devices (`resourceclaims/binding`) and to tell of them (`resourceclaims/driver`).
 */
export function deviceClaimRights(askRights: AskRights): AdmissionPlugin {
  return {
    name: "DeviceClaimRights",
    async validate(attributes, reader) {
      const { operation, subresource } = attributes;
      const isClaim = isKind(attributes, GROUP, "resourceclaims");
      if (!isClaim && !isKind(attributes, GROUP, "resourceclaimtemplates")) return;
      if (operation === "CREATE" && subresource === undefined) return refuse(attributes, await adminErrors(attributes, reader, adminRequest(attributes)));
      if (operation !== "UPDATE" || subresource !== "status") return;
      const [claim, old] = [attributes.object as ResourceClaim, attributes.old as ResourceClaim]; // isKind, an update
      refuse(attributes, [
        ...(await adminErrors(attributes, reader, adminResult(old.status?.allocation) === undefined ? adminResult(claim.status?.allocation) : undefined)),
        ...(await bindingErrors(askRights, attributes, claim, old)),
        ...(claim.status?.allocation === undefined ? [] : await driverErrors(askRights, attributes, claim, old)),
      ]);
    },
  };
}

function refuse({ definition, ...attributes }: AdmissionAttributes, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid(definition.group, definition.kind, requestName({ definition, ...attributes }), errors);
}

/** The field that asks for access of an administrator. */
function adminRequest({ object, definition }: AdmissionAttributes): string | undefined {
  const isTemplate = definition.resource === "resourceclaimtemplates";
  const devices: DeviceClaim | undefined = isTemplate ? (object as ResourceClaimTemplate).spec.spec.devices : (object as ResourceClaim).spec.devices; // by the definition
  const index = (devices?.requests ?? []).findIndex(({ exactly }) => exactly?.adminAccess === true);
  // Of a template upstream tells as of a claim.
  return index < 0 ? undefined : `spec.devices.requests[${index}].adminAccess`;
}

function adminResult(allocation: AllocationResult | undefined): string | undefined {
  const index = (allocation?.devices?.results ?? []).findIndex(({ adminAccess }) => adminAccess === true);
  return index < 0 ? undefined : `status.allocation.devices.results[${index}].adminAccess`;
}

async function adminErrors({ namespace }: AdmissionAttributes, reader: AdmissionReader, field: string | undefined): Promise<readonly FieldError[]> {
  if (field === undefined) return [];
  const labels = (await reader.get(namespaceResource, "", namespace, { fresh: true }))?.metadata.labels;
  return labels?.[ADMIN_LABEL] === "true"
    ? []
    : [forbiddenField(field, `admin access to devices requires the \`${ADMIN_LABEL}: true\` label on the containing namespace`)];
}

async function bindingErrors(
  askRights: AskRights,
  { user }: AdmissionAttributes,
  { status }: ResourceClaim,
  { status: old }: ResourceClaim,
): Promise<readonly FieldError[]> {
  if (jsonEqual(status?.allocation, old?.allocation) && jsonEqual(status?.reservedFor ?? [], old?.reservedFor ?? [])) return [];
  for (const verb of WRITES)
    if ((await askRights(user, { verb, group: GROUP, resource: "resourceclaims", subresource: "binding", name: "" })).isAllowed) return [];
  return [
    forbiddenField(
      "status.allocation",
      `changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="update" permission: User "${user.username}" cannot update resource "resourceclaims/binding" in API group "${GROUP}" at the cluster scope`,
    ),
  ];
}

/** A driver that runs on the node of the devices needs a lesser right than one that speaks of devices anywhere. */
async function driverErrors(
  askRights: AskRights,
  { user, namespace }: AdmissionAttributes,
  claim: ResourceClaim,
  old: ResourceClaim,
): Promise<readonly FieldError[]> {
  const drivers = changedDrivers(claim.status?.devices ?? [], old.status?.devices ?? []);
  if (drivers.length === 0) return [];
  const nodes = user.extra?.[NODE_NAME_EXTRA] ?? [];
  const isOfNode = splitServiceAccountUsername(user.username) !== undefined && nodes.length === 1 && nodes[0] === onlyNode(claim.status?.allocation);
  const prefixes = isOfNode ? ["associated-node:", "arbitrary-node:"] : ["arbitrary-node:"];
  const errors: FieldError[] = [];
  for (const name of drivers) {
    let isAllowed = false;
    for (const verb of prefixes.flatMap((prefix) => WRITES.map((write) => prefix + write)))
      isAllowed ||= (await askRights(user, { verb, group: GROUP, resource: "resourceclaims", subresource: "driver", namespace, name })).isAllowed;
    const verbs = prefixes.map((prefix) => `${prefix}update`).join(" ");
    if (!isAllowed)
      errors.push(
        forbiddenField(
          "status.devices",
          `changing status.devices requires resource="resourceclaims/driver", verb="[${verbs}]" permission: resourceclaims.${GROUP} "${name}" is forbidden: User "${user.username}" cannot ${prefixes[0]}update resource "resourceclaims/driver" in API group "${GROUP}" in the namespace "${namespace}"`,
        ),
      );
  }
  return errors;
}

function changedDrivers(devices: readonly AllocatedDeviceStatus[], old: readonly AllocatedDeviceStatus[]): readonly string[] {
  const keyOf = ({ driver, pool, device, shareID = "" }: AllocatedDeviceStatus) => JSON.stringify([driver, pool, device, shareID]);
  const before = new Map(old.map((device) => [keyOf(device), device]));
  const after = new Map(devices.map((device) => [keyOf(device), device]));
  const changed = [...devices.filter((device) => !jsonEqual(before.get(keyOf(device)), device)), ...old.filter((device) => !after.has(keyOf(device)))];
  return [...new Set(changed.map(({ driver }) => driver))].sort();
}

/** The node to which an allocation is bound by nothing but its name. */
function onlyNode(allocation: AllocationResult | undefined): string | undefined {
  const [term, ...others] = allocation?.nodeSelector?.nodeSelectorTerms ?? [];
  const [field, ...more] = term?.matchFields ?? [];
  if (others.length + more.length + (term?.matchExpressions?.length ?? 0) > 0) return undefined;
  return field?.key === "metadata.name" && field.operator === "In" && field.values?.length === 1 ? field.values[0] : undefined;
}
