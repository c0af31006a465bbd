import { invalidField } from "../../apimachinery/field-error.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { EndpointSlice } from "../types.ts";

const SHOWN_MAX = 3;

export const endpointSliceResource = defineResource<EndpointSlice>({
  group: "discovery.k8s.io",
  version: "v1",
  resource: "endpointslices",
  kind: "EndpointSlice",
  namespaced: true,
  schema: loadSchema("discovery.k8s.io/v1/endpoint-slice.yaml"),
  strategy: {
    hasGeneration: true,
    validateUpdate: (slice, old) => (slice.addressType === old.addressType ? [] : [invalidField("addressType", slice.addressType, "field is immutable")]),
  },
  columns: [
    nameColumn,
    { name: "AddressType", type: "string", description: "Kind of addresses in it.", cell: (slice) => slice.addressType },
    { name: "Ports", type: "string", description: "Ports of the endpoints.", cell: (slice) => shorten((slice.ports ?? []).map((port) => (port.port === undefined ? "*" : String(port.port))), "<unset>") },
    { name: "Endpoints", type: "string", description: "Addresses of the endpoints.", cell: (slice) => shorten((slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses), "<unset>") },
    ageColumn,
  ],
});

function shorten(items: readonly string[], none: string): string {
  if (items.length === 0) return none;
  return items.length <= SHOWN_MAX ? items.join(",") : `${items.slice(0, SHOWN_MAX).join(",")} + ${items.length - SHOWN_MAX} more...`;
}
