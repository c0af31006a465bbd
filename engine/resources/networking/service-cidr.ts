import { invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { parseCidr } from "../../lib/net/ip-address.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { ALL_METADATA, defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { ServiceCIDR } from "../types.ts";
import { canonicalCidrErrors } from "../validation/ip.ts";

const AT = "spec.cidrs";
const IMMUTABLE = "field is immutable";

export const serviceCidrResource = defineResource<ServiceCIDR>({
  group: "networking.k8s.io",
  version: "v1",
  resource: "servicecidrs",
  kind: "ServiceCIDR",
  namespaced: false,
  schema: () => loadSchema("networking.k8s.io/v1/service-cidr.yaml"),
  strategy: {
    prepareForCreate: (range) => ({ ...range, status: {} }),
    validateNew: ({ spec }) => rangeErrors(spec?.cidrs ?? []),
    validateUpdate: ({ spec }, old) => changeErrors(spec?.cidrs ?? [], old.spec?.cidrs ?? []),
  },
  subresources: [{ name: "status", keeps: ALL_METADATA }],
  columns: [
    nameColumn,
    { name: "CIDRs", type: "string", description: "The blocks that addresses are given from.", cell: ({ spec }) => (spec?.cidrs ?? []).join(",") },
    ageColumn,
  ],
});

function rangeErrors(cidrs: readonly string[]): FieldError[] {
  if (cidrs.length === 0) return [requiredField(AT, "at least one CIDR required")];
  if (cidrs.length > 2) return [invalidField(AT, { cidrs }, "may only hold up to 2 values")];
  const errors = cidrs.flatMap((cidr, index) => canonicalCidrErrors(cidr, `${AT}[${index}]`));
  const [first, second] = cidrs.map((cidr) => parseCidr(cidr)?.family);
  if (first !== undefined && first === second)
    errors.push(invalidField(AT, cidrs, "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"));
  return errors;
}

/** Blocks stay; one of the other family may join. */
function changeErrors(cidrs: readonly string[], old: readonly string[]): FieldError[] {
  const isGrown = old.length === 1 && cidrs.length === 2;
  if (cidrs.length !== old.length && !isGrown) return [invalidField(AT, cidrs, IMMUTABLE)];
  const changed = old.flatMap((cidr, index) => (cidrs[index] === cidr ? [] : [invalidField(`${AT}[${index}]`, cidrs[index], IMMUTABLE)]));
  return isGrown ? [...changed, ...rangeErrors(cidrs)] : changed;
}
