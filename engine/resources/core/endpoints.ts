import { isIPv6 } from "node:net";
import { invalidField, invalidFields, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelError, dnsSubdomainError, qualifiedNameProblems } from "../../apimachinery/names.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { endpointsWarnings } from "../warnings/kind-warnings.ts";
import type { CoreV1EndpointPort, EndpointAddress, Endpoints, EndpointSubset } from "../types.ts";
import { addressErrors, specialAddressErrors } from "../validation/ip.ts";

const SHOWN_MAX = 3;

export const endpointsResource = defineResource<Endpoints>({
  group: "",
  version: "v1",
  resource: "endpoints",
  singular: "endpoints",
  kind: "Endpoints",
  namespaced: true,
  shortNames: ["ep"],
  schema: () => loadSchema("core/v1/endpoints.yaml"),
  deprecationWarning: "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
  strategy: {
    metadataOnUpdate: "both",
    createOnUpdate: true,
    warnings: endpointsWarnings,
    validateNew: ({ subsets = [] }) => validateSubsets(subsets, new Set()),
    validateUpdate: ({ subsets = [] }, old) => validateSubsets(subsets, new Set(addressesOf(old.subsets ?? []))),
  },
  columns: [
    nameColumn,
    { name: "Endpoints", type: "string", description: "Addresses that are ready.", cell: ({ subsets = [] }) => endpointsText(subsets) },
    ageColumn,
  ],
});

function addressesOf(subsets: readonly EndpointSubset[]): readonly string[] {
  return subsets.flatMap(({ addresses = [], notReadyAddresses = [] }) => [...addresses, ...notReadyAddresses].map(({ ip }) => ip));
}

/** `known` are addresses that an update may keep as they are. */
function validateSubsets(subsets: readonly EndpointSubset[], known: ReadonlySet<string>): FieldError[] {
  return subsets.flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }, index) => {
    const at = `subsets[${index}]`;
    return [
      ...(addresses.length + notReadyAddresses.length === 0 ? [requiredField(at, "must specify `addresses` or `notReadyAddresses`")] : []),
      ...addresses.flatMap((address, a) => validateAddress(address, `${at}.addresses[${a}]`, known)),
      ...notReadyAddresses.flatMap((address, a) => validateAddress(address, `${at}.notReadyAddresses[${a}]`, known)),
      ...ports.flatMap((port, p) => validatePort(port, ports.length > 1, `${at}.ports[${p}]`)),
    ];
  });
}

function validateAddress({ ip, hostname = "", nodeName }: EndpointAddress, path: string, known: ReadonlySet<string>): FieldError[] {
  const errors = known.has(ip) ? [] : addressErrors(ip, `${path}.ip`);
  const hostProblem = hostname === "" ? undefined : dnsLabelError(hostname);
  if (hostProblem !== undefined) errors.push(invalidField(`${path}.hostname`, hostname, hostProblem));
  const nodeProblem = nodeName === undefined ? undefined : dnsSubdomainError(nodeName);
  if (nodeProblem !== undefined) errors.push(invalidField(`${path}.nodeName`, nodeName, nodeProblem));
  return [...errors, ...specialAddressErrors(ip, `${path}.ip`)];
}

function validatePort({ name = "", port, appProtocol }: CoreV1EndpointPort, isNameNeeded: boolean, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const nameProblem = name === "" ? undefined : dnsLabelError(name);
  if (isNameNeeded && name === "") errors.push(requiredField(`${path}.name`));
  if (nameProblem !== undefined) errors.push(invalidField(`${path}.name`, name, nameProblem));
  if (port < 1 || port > 65_535) errors.push(invalidField(`${path}.port`, port, "must be between 1 and 65535, inclusive"));
  return appProtocol === undefined ? errors : [...errors, ...invalidFields(`${path}.appProtocol`, appProtocol, qualifiedNameProblems(appProtocol))];
}

function endpointsText(subsets: readonly EndpointSubset[]): string {
  if (subsets.length === 0) return "<none>";
  const all = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap(({ port }) => addresses.map(({ ip }) => (isIPv6(ip) ? `[${ip}]:${port}` : `${ip}:${port}`))),
  );
  return all.length <= SHOWN_MAX ? all.join(",") : `${all.slice(0, SHOWN_MAX).join(",")} + ${all.length - SHOWN_MAX} more...`;
}
