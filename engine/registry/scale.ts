import { formatApiVersion } from "../apimachinery/group-version.ts";
import { withMetadata } from "../apimachinery/object-copy.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { ageColumn, nameColumn } from "../resources/columns.ts";
import type { Column, ResourceDefinition, ScaleAccess } from "../resources/define-resource.ts";
import type { Scale } from "../resources/types.ts";
import { bodyKind } from "./decode-object.ts";

/** autoscaling/v1 Scale: one view of everything that has replicas. */
export const scaleKind = bodyKind<Scale & KubeObject>("autoscaling", "v1", "Scale", "autoscaling/v1/scale.yaml");

const { format: _format, ...plainNameColumn } = nameColumn;

/** What `kubectl get --subresource=scale` shows; of custom kinds upstream says of two columns what they are. */
export function scaleColumns(isCustom: boolean): readonly Column<KubeObject>[] {
  return [isCustom ? nameColumn : plainNameColumn, ...countColumns, isCustom ? { ...ageColumn, type: "date" } : ageColumn];
}

const countColumns: readonly Column<KubeObject>[] = [
  { name: "Desired", type: "integer", description: "Replicas that are wanted.", cell: (scale: Scale) => scale.spec?.replicas ?? 0 },
  { name: "Available", type: "integer", description: "Replicas that were seen last.", cell: (scale: Scale) => scale.status?.replicas ?? 0 },
];

export function scaleAccessOf<T extends KubeObject>(definition: ResourceDefinition<T>): ScaleAccess<T> | undefined {
  for (const subresource of definition.subresources) if ("scale" in subresource) return subresource.scale;
  return undefined;
}

/** The object as its Scale; they share name, uid and resourceVersion. Who writes it may find no replicas there: they are none then. */
export function scaleOf<T extends KubeObject>(access: ScaleAccess<T>, object: T, isWritten = false): Scale & KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = isWritten && access.lacksReplicas?.(object) === true ? 0 : access.specReplicas(object);
  const selector = access.selector(object);
  return {
    kind: "Scale",
    apiVersion: formatApiVersion(scaleKind.group, scaleKind.version),
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: replicas === 0 ? {} : { replicas },
    status: { replicas: access.statusReplicas(object), ...(selector === "" ? {} : { selector }) },
  };
}

/** A Scale leaves out that there shall be no replicas, so that nobody who says so with one becomes the owner of that. */
export function withoutOwnersOfNone<T extends KubeObject>(access: ScaleAccess<T>, object: T): T {
  const { managedFields } = object.metadata;
  if (managedFields === undefined || access.specReplicas(object) !== 0) return object;
  const owners = managedFields.filter(({ subresource, operation }) => subresource !== "scale" || operation !== "Update");
  return owners.length === managedFields.length ? object : withMetadata(object, { managedFields: owners.length === 0 ? undefined : owners });
}
