import { invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { IPAddress, ParentReference } from "../types.ts";
import { groupErrors, segmentErrors } from "../validation/ingress.ts";
import { canonicalAddressErrors } from "../validation/ip.ts";

export const ipAddressResource = defineResource<IPAddress>({
  group: "networking.k8s.io",
  version: "v1",
  resource: "ipaddresses",
  singular: "ipaddress",
  kind: "IPAddress",
  namespaced: false,
  shortNames: ["ip"],
  schema: () => loadSchema("networking.k8s.io/v1/ip-address.yaml"),
  strategy: {
    metadataOnUpdate: "both",
    nameRule: "pathSegment",
    validateNew: (address) => [...nameErrors(address), ...parentErrors(address.spec?.parentRef)],
    validateUpdate: ({ spec }, old) =>
      jsonEqual(spec?.parentRef, old.spec?.parentRef) ? [] : [invalidField("spec.parentRef", spec?.parentRef, "field is immutable")],
  },
  columns: [nameColumn, { name: "ParentRef", type: "string", description: "The object whose address it is.", cell: ({ spec }) => parentText(spec?.parentRef) }],
});

/** An address is its own name, so that it can only be given once. */
function nameErrors({ metadata: { name = "" } }: IPAddress): FieldError[] {
  return name === "" ? [] : canonicalAddressErrors(name, "metadata.name");
}

function parentErrors(parent: ParentReference | undefined): FieldError[] {
  if (parent === undefined) return [requiredField("spec.parentRef")];
  const { group = "", resource, namespace = "", name } = parent;
  return [
    ...(group === "" ? [] : groupErrors(group, "spec.parentRef.group")),
    ...segmentErrors(resource, "spec.parentRef.resource"),
    ...segmentErrors(name, "spec.parentRef.name"),
    ...(namespace === "" ? [] : segmentErrors(namespace, "spec.parentRef.namespace")),
  ];
}

function parentText(parent: ParentReference | undefined): string {
  if (parent === undefined) return "<none>";
  const resource = `${parent.resource}${parent.group ? `.${parent.group}` : ""}`.toLowerCase();
  return [resource, ...(parent.namespace ? [parent.namespace] : []), parent.name].join("/");
}
