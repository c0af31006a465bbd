import {
  choiceErrors,
  duplicateField,
  invalidField,
  invalidFields,
  requiredField,
  thenErrors,
  tooMany,
  type FieldError,
} from "../../apimachinery/field-error.ts";
import { dnsLabelProblems, dnsSubdomainProblems, labelValueProblems, qualifiedNameProblems } from "../../apimachinery/names.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { familyOf } from "../../lib/net/ip-address.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { endpointSliceWarnings } from "../warnings/kind-warnings.ts";
import type { EndpointSlice } from "../types.ts";
import { addressErrors, canonicalAddressErrors, specialAddressErrors } from "../validation/ip.ts";

const SHOWN_MAX = 3;
const ENDPOINTS_MAX = 1000;
const ADDRESSES_MAX = 100;
const HINTS_MAX = 8;

/** In upstream's order. */
const ADDRESS_TYPES = ["FQDN", "IPv4", "IPv6"];

export const endpointSliceResource = defineResource<EndpointSlice>({
  group: "discovery.k8s.io",
  version: "v1",
  resource: "endpointslices",
  kind: "EndpointSlice",
  namespaced: true,
  schema: () => loadSchema("discovery.k8s.io/v1/endpoint-slice.yaml"),
  strategy: {
    metadataOnUpdate: "new",
    hasGeneration: true,
    generationCounts: "labels",
    prepareForCreate: withoutTopology,
    prepareForUpdate: (slice, old) => (jsonEqual(slice.endpoints ?? [], old.endpoints ?? []) ? slice : withoutTopology(slice)),
    validate: ({ addressType, ports }) => [...choiceErrors("addressType", addressType, ADDRESS_TYPES), ...portErrors(ports ?? [])],
    validateNew: endpointErrors,
    warnings: endpointSliceWarnings,
    // What was good when it was written stays good, for as long as it is what it was.
    validateUpdate: (slice, old) => [
      ...(jsonEqual(slice.endpoints ?? [], old.endpoints ?? []) ? [] : endpointErrors(slice)),
      ...(slice.addressType === old.addressType ? [] : [invalidField("addressType", slice.addressType, "field is immutable")]),
    ],
  },
  columns: [
    nameColumn,
    { name: "AddressType", type: "string", description: "Kind of addresses in it.", cell: (slice) => slice.addressType },
    {
      name: "Ports",
      type: "string",
      description: "Ports of the endpoints.",
      cell: (slice) => shorten((slice.ports ?? []).map((port) => (port.port === undefined ? (port.name ?? "") : String(port.port)))),
    },
    {
      name: "Endpoints",
      type: "string",
      description: "Addresses of the endpoints.",
      cell: (slice) => shorten((slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses)),
    },
    ageColumn,
  ],
});

/** Labels of an endpoint's node came with an earlier version, and are only ever read. */
function withoutTopology(slice: EndpointSlice): EndpointSlice {
  if (slice.endpoints?.some(({ deprecatedTopology }) => deprecatedTopology !== undefined) !== true) return slice;
  return { ...slice, endpoints: slice.endpoints.map(({ deprecatedTopology: _dropped, ...endpoint }) => endpoint) };
}

function shorten(items: readonly string[]): string {
  if (items.length <= SHOWN_MAX) return items.join(",") || "<unset>";
  return `${items.slice(0, SHOWN_MAX).join(",")} + ${items.length - SHOWN_MAX} more...`;
}

function endpointErrors(slice: EndpointSlice): FieldError[] {
  const endpoints = slice.endpoints ?? [];
  const errors: FieldError[] = endpoints.length > ENDPOINTS_MAX ? [tooMany("endpoints", endpoints.length, ENDPOINTS_MAX)] : [];
  for (const [index, endpoint] of endpoints.entries()) {
    const at = `endpoints[${index}]`;
    if (endpoint.addresses.length === 0) errors.push(requiredField(`${at}.addresses`, "must contain at least 1 address"));
    if (endpoint.addresses.length > ADDRESSES_MAX) errors.push(tooMany(`${at}.addresses`, endpoint.addresses.length, ADDRESSES_MAX));
    for (const [a, address] of endpoint.addresses.entries()) errors.push(...endpointAddressErrors(address, slice.addressType, `${at}.addresses`, a));
    const { nodeName, hostname, hints } = endpoint;
    if (nodeName !== undefined) errors.push(...invalidFields(`${at}.nodeName`, nodeName, dnsSubdomainProblems(nodeName)));
    if (hostname !== undefined) errors.push(...invalidFields(`${at}.hostname`, hostname, dnsLabelProblems(hostname)));
    errors.push(
      ...hintErrors(hints?.forZones ?? [], `${at}.hints.forZones`, labelValueProblems),
      ...hintErrors(hints?.forNodes ?? [], `${at}.hints.forNodes`, dnsSubdomainProblems),
    );
  }
  return errors;
}

/** For whom an endpoint is meant: each named once. */
function hintErrors(names: readonly { readonly name: string }[], path: string, problemsOf: (name: string) => readonly string[]): FieldError[] {
  if (names.length > HINTS_MAX) return [tooMany(path, names.length, HINTS_MAX)];
  return names.flatMap(({ name }, index) => [
    ...(names.findIndex((other) => other.name === name) < index ? [duplicateField(`${path}[${index}].name`, name)] : []),
    ...invalidFields(`${path}[${index}].name`, name, problemsOf(name)),
  ]);
}

function portErrors(ports: NonNullable<EndpointSlice["ports"]>): FieldError[] {
  const names = new Set<string>();
  return ports.flatMap(({ name = "", appProtocol }, index) => {
    const errors = name === "" ? [] : invalidFields(`ports[${index}].name`, name, dnsLabelProblems(name));
    if (names.has(name)) errors.push(duplicateField(`ports[${index}].name`, name));
    names.add(name);
    return appProtocol === undefined ? errors : [...errors, ...invalidFields(`ports[${index}].appProtocol`, appProtocol, qualifiedNameProblems(appProtocol))];
  });
}

/** IPv6 came with the strict rules, so that there is one way to write its addresses. */
function endpointAddressErrors(address: string, addressType: string, path: string, index: number): FieldError[] {
  const at = `${path}[${index}]`;
  if (!ADDRESS_TYPES.includes(addressType)) return [];
  if (addressType === "FQDN") {
    return invalidFields(at, address, dnsSubdomainProblems(address));
  }
  const errors = addressType === "IPv6" ? canonicalAddressErrors(address, at) : addressErrors(address, at);
  return thenErrors(errors, () => [
    ...(familyOf(address) === addressType ? [] : [invalidField(path, address, `must be an ${addressType} address`)]),
    ...specialAddressErrors(address, at),
  ]);
}
