import type { FeatureGates } from "../apimachinery/feature-gates.ts";
import { invalidField, withoutFeatures, type FieldError } from "../apimachinery/field-error.ts";
import { jsonEqual } from "../lib/freeze.ts";
import { familyOf, otherFamily, type IpFamily } from "../lib/net/ip-address.ts";
import type { Service, ServiceSpec } from "../resources/types.ts";
import { isHeadless, serviceFamilyErrors } from "../resources/validation/service-families.ts";

export type SettledFamilies = { readonly is: "settled"; readonly service: Service } | { readonly is: "refused"; readonly errors: readonly FieldError[] };

const AT_POLICY = "spec.ipFamilyPolicy";

/**
 * The Service with the families that it is to have on a cluster that gives addresses of `families`, the usual one first. A Service never
 * gains or loses a family because the cluster did: only its writer's policy, families or addresses decide. What is wrong with them is judged as
 * where the features in `disabled` are off. Pure.
 */
export function settleFamilies(service: Service, old: Service | undefined, families: readonly IpFamily[], disabled: FeatureGates = new Set()): SettledFamilies {
  const before = old?.spec;
  if (service.spec?.type === "ExternalName" || isSamePreference(service.spec ?? {}, before)) return { is: "settled", service };
  const asked: ServiceSpec = {
    ...service.spec,
    ipFamilyPolicy: service.spec?.ipFamilyPolicy ?? before?.ipFamilyPolicy ?? (isForOthers(service.spec ?? {}) ? "RequireDualStack" : "SingleStack"),
  };
  const malformed = withoutFeatures(serviceFamilyErrors(asked, before), disabled);
  if (malformed.length > 0) return { is: "refused", errors: malformed };
  const spec = before === undefined ? asked : withoutSecond(asked, before);
  const inferred = inferFamilies(spec, families);
  const errors = [...(before === undefined ? [] : reductionErrors(spec, before)), ...policyErrors(spec), ...inferred.errors];
  if (errors.length > 0) return { is: "refused", errors };
  return completeFamilies(service, { ...spec, ipFamilies: inferred.families }, families);
}

/** Headless and without a selector: the endpoints are somebody else's, and may be of both families on any cluster. */
function isForOthers(spec: ServiceSpec): boolean {
  return spec.clusterIP === "None" && Object.keys(spec.selector ?? {}).length === 0;
}

/** A preference that was settled once stays as it was settled. */
function isSamePreference(spec: ServiceSpec, before: ServiceSpec | undefined): boolean {
  if (before === undefined || before.type !== spec.type) return false;
  return (
    spec.ipFamilyPolicy === "PreferDualStack" &&
    (before.ipFamilyPolicy ?? "PreferDualStack") === "PreferDualStack" &&
    hasSame(spec, before, "clusterIPs") &&
    hasSame(spec, before, "ipFamilies")
  );
}

function hasSame(spec: ServiceSpec, before: ServiceSpec, field: "clusterIPs" | "ipFamilies"): boolean {
  return jsonEqual([...(spec[field] ?? [])], [...(before[field] ?? [])]);
}

/** Where the writer wants one family and left the lists as they were, their second values go. */
function withoutSecond(spec: ServiceSpec, before: ServiceSpec): ServiceSpec {
  if (spec.ipFamilyPolicy !== "SingleStack") return spec;
  const first = (field: "clusterIPs" | "ipFamilies") =>
    hasSame(spec, before, field) && (spec[field] ?? []).length > 1 ? { [field]: spec[field]?.slice(0, 1) } : {};
  return { ...spec, ...first("clusterIPs"), ...first("ipFamilies") };
}

function reductionErrors(spec: ServiceSpec, before: ServiceSpec): FieldError[] {
  if (spec.ipFamilyPolicy === "SingleStack") return [];
  const isReduced = (field: "clusterIPs" | "ipFamilies") => (spec[field] ?? []).length > 0 && (spec[field] ?? []).length < (before[field] ?? []).length;
  return [
    ...(isReduced("clusterIPs") ? [invalidField(AT_POLICY, spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary cluster IP")] : []),
    ...(isReduced("ipFamilies") ? [invalidField(AT_POLICY, spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary IP family")] : []),
  ];
}

function policyErrors({ ipFamilyPolicy, clusterIPs = [], ipFamilies = [] }: ServiceSpec): FieldError[] {
  if (ipFamilyPolicy !== "SingleStack") return [];
  const several = (what: string) =>
    invalidField(AT_POLICY, ipFamilyPolicy, `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`);
  return [...(clusterIPs.length === 2 ? [several("cluster IPs")] : []), ...(ipFamilies.length === 2 ? [several("IP families")] : [])];
}

/** The families that are named, and those of addresses beyond them. */
function inferFamilies(spec: ServiceSpec, families: readonly IpFamily[]): { readonly families: readonly string[]; readonly errors: readonly FieldError[] } {
  const { clusterIPs = [], ipFamilies = [] } = spec;
  if (isHeadless(spec)) return { families: ipFamilies, errors: [] };
  const further = clusterIPs.slice(ipFamilies.length).flatMap((address) => familyOf(address) ?? []);
  const errors = further.flatMap((family, index) =>
    families.includes(family) ? [] : [invalidField(`spec.clusterIPs[${ipFamilies.length + index}]`, clusterIPs, `${family} is not configured on this cluster`)],
  );
  return { families: [...ipFamilies, ...further], errors };
}

function completeFamilies(service: Service, spec: ServiceSpec, families: readonly IpFamily[]): SettledFamilies {
  const named = (spec.ipFamilies ?? []) as readonly IpFamily[]; // checked with the addresses
  const wantsBoth = spec.ipFamilyPolicy !== "SingleStack";
  const isOthers = isForOthers(spec);
  if (!isOthers) {
    const errors = [
      ...(spec.ipFamilyPolicy === "RequireDualStack" && families.length < 2
        ? [invalidField(AT_POLICY, spec.ipFamilyPolicy, "this cluster is not configured for dual-stack services")]
        : []),
      ...named.flatMap((family, index) =>
        families.includes(family) ? [] : [invalidField(`spec.ipFamilies[${index}]`, family, "not configured on this cluster")],
      ),
    ];
    if (errors.length > 0) return { is: "refused", errors };
  }
  const first = named[0] ?? families[0] ?? "IPv4";
  const second = named[1] ?? (wantsBoth && (isOthers || families.length === 2) ? otherFamily(first) : undefined);
  return { is: "settled", service: { ...service, spec: { ...spec, ipFamilies: second === undefined ? [first] : [first, second] } } };
}
