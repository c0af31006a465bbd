import { describe, expect, test } from "vitest";
import type { IpFamily } from "../../../engine/lib/net/ip-address.ts";
import { missingFamilies, settleService } from "../../../engine/registry/service-plan.ts";
import type { Service, ServiceSpec } from "../../../engine/resources/types.ts";

const BOTH: readonly IpFamily[] = ["IPv4", "IPv6"];
const V6_FIRST: readonly IpFamily[] = ["IPv6", "IPv4"];
const V4: readonly IpFamily[] = ["IPv4"];
const V6: readonly IpFamily[] = ["IPv6"];

const service = (spec: ServiceSpec): Service => ({ apiVersion: "v1", kind: "Service", metadata: { name: "web" }, spec: { type: "ClusterIP", selector: { app: "web" }, ...spec } });

/** Policy, families and those of them that have no address yet; or what is wrong. */
function settled(families: readonly IpFamily[], spec: ServiceSpec, before?: ServiceSpec): unknown {
  const result = settleService(service(spec), before && service(before), families);
  if (result.is === "refused") return result.errors.map(({ field, message }) => `${field}: ${message}`);
  const { ipFamilyPolicy, ipFamilies, clusterIPs } = result.service.spec ?? {};
  return { ipFamilyPolicy, ipFamilies, ...(clusterIPs === undefined ? {} : { clusterIPs }), missing: missingFamilies(result.service) };
}

describe("a new Service", () => {
  const one = (family: IpFamily, policy = "SingleStack") => ({ ipFamilyPolicy: policy, ipFamilies: [family], missing: [family] });
  const two = (policy: string, ...families: IpFamily[]) => ({ ipFamilyPolicy: policy, ipFamilies: families, missing: families });
  const none = (policy: string, ...families: IpFamily[]) => ({ ipFamilyPolicy: policy, ipFamilies: families, clusterIPs: ["None"], missing: [] });
  test.each<[string, readonly IpFamily[], ServiceSpec, unknown]>([
    ["has the cluster's first family", BOTH, {}, one("IPv4")],
    ["has IPv6 where that is first", V6_FIRST, {}, one("IPv6")],
    ["has the family it names", BOTH, { ipFamilies: ["IPv6"] }, one("IPv6")],
    ["has the family of the address it names", BOTH, { clusterIP: "fd00::7" }, { ipFamilyPolicy: "SingleStack", ipFamilies: ["IPv6"], clusterIPs: ["fd00::7"], missing: [] }],
    ["gets both where it prefers them and they are there", BOTH, { ipFamilyPolicy: "PreferDualStack" }, two("PreferDualStack", "IPv4", "IPv6")],
    ["gets one where it prefers both and one is there", V6, { ipFamilyPolicy: "PreferDualStack" }, one("IPv6", "PreferDualStack")],
    ["gets the family it names first, then the other", BOTH, { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv6"] }, two("RequireDualStack", "IPv6", "IPv4")],
    [
      "may name one of two addresses",
      BOTH,
      { ipFamilyPolicy: "RequireDualStack", clusterIP: "fd00::7" },
      { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv6", "IPv4"], clusterIPs: ["fd00::7"], missing: ["IPv4"] },
    ],
    [
      "may name both addresses",
      BOTH,
      { ipFamilyPolicy: "PreferDualStack", clusterIP: "fd00::7", clusterIPs: ["fd00::7", "10.0.0.7"] },
      { ipFamilyPolicy: "PreferDualStack", ipFamilies: ["IPv6", "IPv4"], clusterIPs: ["fd00::7", "10.0.0.7"], missing: [] },
    ],
    ["without an address has one family", BOTH, { clusterIP: "None" }, none("SingleStack", "IPv4")],
    ["without an address may have both", BOTH, { clusterIP: "None", ipFamilyPolicy: "PreferDualStack" }, none("PreferDualStack", "IPv4", "IPv6")],
    ["without address and selector has both on any cluster", V6, { clusterIP: "None", selector: {} }, none("RequireDualStack", "IPv6", "IPv4")],
    [
      "without address and selector may name a family that the cluster lacks",
      V4,
      { clusterIP: "None", selector: {}, ipFamilies: ["IPv6"], ipFamilyPolicy: "SingleStack" },
      none("SingleStack", "IPv6"),
    ],
    ["that stands for a name has none", BOTH, { type: "ExternalName", externalName: "example.com" }, { missing: [] }],
  ])("%s", (_what, families, spec, expected) => {
    expect(settled(families, spec)).toEqual(expected);
  });

  test.each<[string, readonly IpFamily[], ServiceSpec, readonly string[]]>([
    ["wants both and one is there", V4, { ipFamilyPolicy: "RequireDualStack" }, ['spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services']],
    ["names a family that is not there", V4, { ipFamilies: ["IPv6"] }, ['spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster']],
    ["names an address of a family that is not there", V4, { clusterIP: "fd00::7" }, ['spec.clusterIPs[0]: Invalid value: ["fd00::7"]: IPv6 is not configured on this cluster']],
    [
      "names two families and wants one",
      BOTH,
      { ipFamilies: ["IPv4", "IPv6"] },
      ["spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified"],
    ],
    [
      "names two addresses and wants one",
      BOTH,
      { clusterIP: "10.0.0.7", clusterIPs: ["10.0.0.7", "fd00::7"] },
      ["spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified"],
    ],
    ["names a family twice", BOTH, { ipFamilyPolicy: "PreferDualStack", ipFamilies: ["IPv4", "IPv4"] }, ['spec.ipFamilies[1]: Duplicate value: "IPv4"']],
    ["names what is no family", BOTH, { ipFamilies: ["IPv5"] }, ['spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"']],
    [
      "names an address and another family",
      BOTH,
      { clusterIP: "10.0.0.7", ipFamilies: ["IPv6"] },
      ['spec.clusterIPs[0]: Invalid value: "10.0.0.7": expected an IPv6 value as indicated by `ipFamilies[0]`'],
    ],
    [
      "names two addresses of one family",
      BOTH,
      { ipFamilyPolicy: "PreferDualStack", clusterIP: "10.0.0.7", clusterIPs: ["10.0.0.7", "10.0.0.8"] },
      ['spec.clusterIPs: Invalid value: ["10.0.0.7","10.0.0.8"]: may specify no more than one IP for each IP family'],
    ],
    [
      "has no address and another one",
      BOTH,
      { ipFamilyPolicy: "PreferDualStack", clusterIP: "None", clusterIPs: ["None", "fd00::7"] },
      ['spec.clusterIPs: Invalid value: ["None","fd00::7"]: \'None\' must be the first and only value'],
    ],
    ["says the first address in the list only", BOTH, { clusterIPs: ["10.0.0.7"] }, ['spec.clusterIPs: Invalid value: ["10.0.0.7"]: must be empty when `clusterIP` is not specified']],
    ["says two first addresses", BOTH, { clusterIP: "10.0.0.8", clusterIPs: ["10.0.0.7"] }, ['spec.clusterIPs: Invalid value: ["10.0.0.7"]: first value must match `clusterIP`']],
    ["has an address that is IPv4 and IPv6", BOTH, { clusterIP: "::ffff:10.0.0.7" }, ['spec.clusterIPs[0]: Invalid value: "::ffff:10.0.0.7": must not be an IPv4-mapped IPv6 address']],
  ])("is refused when it %s", (_what, families, spec, expected) => {
    expect(settled(families, spec)).toEqual(expected);
  });
});

describe("an update", () => {
  const single: ServiceSpec = { ipFamilyPolicy: "SingleStack", ipFamilies: ["IPv4"], clusterIP: "10.0.0.7", clusterIPs: ["10.0.0.7"] };
  const preferring: ServiceSpec = { ...single, ipFamilyPolicy: "PreferDualStack" };
  const dual: ServiceSpec = { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv4", "IPv6"], clusterIP: "10.0.0.7", clusterIPs: ["10.0.0.7", "fd00::7"] };
  const headless: ServiceSpec = { ipFamilyPolicy: "SingleStack", ipFamilies: ["IPv4"], clusterIP: "None", clusterIPs: ["None"] };
  test.each<[string, readonly IpFamily[], ServiceSpec, ServiceSpec, unknown]>([
    ["keeps what it does not say", BOTH, dual, {}, { ...shown(dual), missing: [] }],
    [
      "adds the second family to what it does not say",
      BOTH,
      single,
      { ipFamilyPolicy: "PreferDualStack" },
      { ipFamilyPolicy: "PreferDualStack", ipFamilies: ["IPv4", "IPv6"], clusterIPs: ["10.0.0.7"], missing: ["IPv6"] },
    ],
    [
      "adds the second family where it is required",
      BOTH,
      single,
      { ...single, ipFamilyPolicy: "RequireDualStack" },
      { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv4", "IPv6"], clusterIPs: ["10.0.0.7"], missing: ["IPv6"] },
    ],
    [
      "takes the second address that it names",
      BOTH,
      single,
      { ...single, ipFamilyPolicy: "PreferDualStack", clusterIPs: ["10.0.0.7", "fd00::9"] },
      { ipFamilyPolicy: "PreferDualStack", ipFamilies: ["IPv4", "IPv6"], clusterIPs: ["10.0.0.7", "fd00::9"], missing: [] },
    ],
    ["leaves a settled preference alone when the cluster has become dual", BOTH, preferring, preferring, { ...shown(preferring), missing: [] }],
    [
      "leaves a settled preference alone when the cluster has one family again",
      V4,
      { ...dual, ipFamilyPolicy: "PreferDualStack" },
      { ...dual, ipFamilyPolicy: "PreferDualStack" },
      { ...shown(dual), ipFamilyPolicy: "PreferDualStack", missing: [] },
    ],
    ["lets the second go by the policy alone", BOTH, dual, { ...dual, ipFamilyPolicy: "SingleStack" }, { ...shown(single), missing: [] }],
    ["lets the second go by policy and addresses", BOTH, dual, { ...dual, ipFamilyPolicy: "SingleStack", clusterIPs: ["10.0.0.7"] }, { ...shown(single), missing: [] }],
    ["may change the families of a Service without an address", BOTH, headless, { ...headless, ipFamilies: ["IPv6"] }, { ...shown(headless), ipFamilies: ["IPv6"], missing: [] }],
    [
      "gives families to what stood for a name",
      BOTH,
      { type: "ExternalName", externalName: "example.com" },
      { ipFamilyPolicy: "PreferDualStack" },
      { ipFamilyPolicy: "PreferDualStack", ipFamilies: ["IPv4", "IPv6"], missing: ["IPv4", "IPv6"] },
    ],
    ["of an old client that clears the address clears the list", BOTH, single, { ...single, clusterIP: "" }, { ...shown(single), missing: [] }],
  ])("%s", (_what, families, before, after, expected) => {
    expect(settled(families, after, before)).toEqual(expected);
  });

  test.each<[string, ServiceSpec, ServiceSpec, readonly string[]]>([
    [
      "lets the second address go without a word",
      dual,
      { ...dual, clusterIPs: ["10.0.0.7"] },
      ["spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": must be 'SingleStack' to release the secondary cluster IP"],
    ],
    [
      "lets the second family go without a word",
      dual,
      { ...dual, ipFamilies: ["IPv4"] },
      ["spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": must be 'SingleStack' to release the secondary IP family"],
    ],
    [
      "adds a second address without a word",
      single,
      { ...single, clusterIPs: ["10.0.0.7", "fd00::7"] },
      ["spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified"],
    ],
  ])("is refused when it %s", (_what, before, after, expected) => {
    expect(settled(BOTH, after, before)).toEqual(expected);
  });
});

function shown({ ipFamilyPolicy, ipFamilies, clusterIPs }: ServiceSpec): object {
  return { ipFamilyPolicy, ipFamilies, clusterIPs };
}
