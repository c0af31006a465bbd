import { describe, expect, test } from "vitest";
import { endpointSliceResource } from "../../../engine/resources/discovery/endpoint-slice.ts";
import { serviceResource } from "../../../engine/resources/core/service.ts";
import { networkPolicyResource } from "../../../engine/resources/networking/network-policy.ts";
import { familyOf, standardAddress, standardBlock } from "../../../engine/lib/net/ip-address.ts";
import { addressErrors, addressWarnings, canonicalAddressErrors, canonicalCidrErrors, cidrErrors, cidrWarnings } from "../../../engine/resources/validation/ip.ts";
import { validatePodSpec } from "../../../engine/resources/validation/pod-spec.ts";

const messages = (errors: readonly { readonly field: string; readonly message: string }[]) => errors.map(({ field, message }) => `${field}: ${message}`);

describe("addresses in fields that are older than the strict rules", () => {
  test.each<[string, readonly string[]]>([
    ["10.9.8.7", []],
    ["FE80:0:0:0:0:0:0:0abc", []],
    ["010.9.8.7", ['ip: Invalid value: "010.9.8.7": must not have leading 0s']],
    ["10.9.8.007", ['ip: Invalid value: "10.9.8.007": must not have leading 0s']],
    ["::ffff:010.9.8.7", ['ip: Invalid value: "::ffff:010.9.8.7": must not have leading 0s']],
    ["::ffff:10.9.8.7", ['ip: Invalid value: "::ffff:10.9.8.7": must not be an IPv4-mapped IPv6 address']],
    ...["10.9.8", "10.9.8.256", "10.9.8.0256", "0x10.9.8.7", "fe80::1%eth0", "10.9.8.7/32", ""].map(
      (text) => [text, [`ip: Invalid value: ${JSON.stringify(text)}: must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)`]] as [string, readonly string[]],
    ),
  ])("%s", (text, expected) => {
    expect(messages(addressErrors(text, "ip"))).toEqual(expected);
    expect(addressErrors(text, "ip", [text])).toEqual([]);
  });

  test.each<[string, readonly string[]]>([
    ["10.9.8.0/24", []],
    ["0.0.0.0/0", []],
    ["FE80:0abc::/16", ['cidr: Invalid value: "FE80:0abc::/16": must not have bits set beyond the prefix length']],
    ["FE80:0abc::/64", []],
    ["10.9.8.7/24", ['cidr: Invalid value: "10.9.8.7/24": must not have bits set beyond the prefix length']],
    ["010.9.8.0/24", ['cidr: Invalid value: "010.9.8.0/24": must not have leading 0s in IP or prefix length']],
    ["10.9.8.0/024", ['cidr: Invalid value: "10.9.8.0/024": must not have leading 0s in IP or prefix length']],
    ["::ffff:10.9.8.0/120", ['cidr: Invalid value: "::ffff:10.9.8.0/120": must not have an IPv4-mapped IPv6 address']],
    ...["10.9.8.0", "10.9.8.0/33", "10.9.8.0/", "10.9.8/24", "fe80::/129", "10.9.8.0/24/8"].map(
      (text) => [text, [`cidr: Invalid value: ${JSON.stringify(text)}: must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`]] as [string, readonly string[]],
    ),
  ])("%s as a block", (text, expected) => {
    expect(messages(cidrErrors(text, "cidr"))).toEqual(expected);
    expect(cidrErrors(text, "cidr", [text])).toEqual([]);
  });

  test("newer fields have one way to write a block", () => {
    expect(canonicalCidrErrors("10.9.8.0/24", "cidr")).toEqual([]);
    expect(messages(canonicalCidrErrors("FE80::/64", "cidr"))).toEqual(['cidr: Invalid value: "FE80::/64": must be in canonical form ("fe80::/64")']);
    expect(messages(canonicalCidrErrors("10.9.8.7/24", "cidr"))).toEqual(['cidr: Invalid value: "10.9.8.7/24": must not have bits set beyond the prefix length']);
  });
});

test.each<[string, readonly string[]]>([
  ["192.168.012.2", ['ip: non-standard IP address "192.168.012.2" is invalid: use "192.168.12.2"']],
  ["::ffff:192.168.12.2", ['ip: non-standard IP address "::ffff:192.168.12.2" is invalid: use "192.168.12.2"']],
  ["2001:db8:0:0::2", ['ip: IPv6 address "2001:db8:0:0::2" should be in RFC 5952 canonical format ("2001:db8::2")']],
  ["2001:DB8::2", ['ip: IPv6 address "2001:DB8::2" should be in RFC 5952 canonical format ("2001:db8::2")']],
  ["192.168.12.2", []],
  ["2001:db8::2", []],
])("whoever writes the address %s is told how others do", (text, expected) => {
  expect(addressWarnings(text, "ip")).toEqual(expected);
});

test.each<[string, readonly string[]]>([
  ["192.168.012.0/24", ['cidr: non-standard CIDR value "192.168.012.0/24" is invalid: use "192.168.12.0/24"']],
  ["192.168.12.0/024", ['cidr: non-standard CIDR value "192.168.12.0/024" is invalid: use "192.168.12.0/24"']],
  ["::ffff:192.168.12.0/120", ['cidr: non-standard CIDR value "::ffff:192.168.12.0/120" is invalid: use "192.168.12.0/24"']],
  ["192.168.12.8/24", ['cidr: CIDR value "192.168.12.8/24" is ambiguous in this context (should be "192.168.12.0/24" or "192.168.12.8/32"?)']],
  [
    "192.168.012.8/24",
    [
      'cidr: CIDR value "192.168.012.8/24" is ambiguous in this context (should be "192.168.12.0/24" or "192.168.12.8/32"?)',
      'cidr: non-standard CIDR value "192.168.012.8/24" is invalid: use "192.168.12.0/24"',
    ],
  ],
  ["2001:db8:0:0::/64", ['cidr: IPv6 CIDR value "2001:db8:0:0::/64" should be in RFC 5952 canonical format ("2001:db8::/64")']],
  ["2001:db8::/64", []],
])("whoever writes the block %s is told how others do", (text, expected) => {
  expect(cidrWarnings(text, "cidr")).toEqual(expected);
});

describe("what an object had before stays good", () => {
  test("of a Service: addresses from outside, and who may come by them", () => {
    const service = (spec: object) =>
      ({ apiVersion: "v1", kind: "Service", metadata: { name: "a" }, spec: { type: "LoadBalancer", ports: [{ port: 80 }], ...spec } }) as Parameters<
        NonNullable<typeof serviceResource.strategy.validateUpdate>
      >[0];
    const odd = service({ externalIPs: ["192.168.0.012"], loadBalancerSourceRanges: [" 10.0.0.1/24"] });
    const expected = [
      'spec.externalIPs[0]: Invalid value: "192.168.0.012": must not have leading 0s',
      'spec.LoadBalancerSourceRanges[0]: Invalid value: "10.0.0.1/24": must not have bits set beyond the prefix length',
    ];
    expect(messages(serviceResource.strategy.validateNew?.(odd) ?? [])).toEqual(expected);
    expect(messages(serviceResource.strategy.validateUpdate?.(odd, service({})) ?? [])).toEqual(expected);
    expect(serviceResource.strategy.validateUpdate?.(odd, odd)).toEqual([]);
  });

  test("of an EndpointSlice, as long as none of its endpoints changes", () => {
    const slice = (address: string, addressType = "IPv4", more: object = {}) => ({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name: "a" },
      addressType,
      endpoints: [{ addresses: [address], ...more }],
    });
    const { validateNew, validateUpdate } = endpointSliceResource.strategy;
    expect(messages(validateNew?.(slice("10.244.0.011")) ?? [])).toEqual(['endpoints[0].addresses[0]: Invalid value: "10.244.0.011": must not have leading 0s']);
    expect(validateUpdate?.(slice("10.244.0.011"), slice("10.244.0.011"))).toEqual([]);
    expect(validateUpdate?.(slice("10.244.0.011", "IPv4", { hostname: "b" }), slice("10.244.0.011"))).toHaveLength(1);
    expect(messages(validateNew?.(slice("2001:DB8::1", "IPv6")) ?? [])).toEqual(['endpoints[0].addresses[0]: Invalid value: "2001:DB8::1": must be in canonical form ("2001:db8::1")']);
    expect(messages(validateNew?.(slice("10.0.0.1", "IPv6")) ?? [])).toEqual(['endpoints[0].addresses: Invalid value: "10.0.0.1": must be an IPv6 address']);
    expect(messages(validateNew?.(slice("2001:db8::1")) ?? [])).toEqual(['endpoints[0].addresses: Invalid value: "2001:db8::1": must be an IPv4 address']);
  });

  test("of a NetworkPolicy, wherever it stands now", () => {
    const policy = (...cidrs: string[]) => ({
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "a" },
      spec: { podSelector: {}, ingress: cidrs.map((cidr) => ({ from: [{ ipBlock: { cidr } }] })) },
    });
    const { validateNew, validateUpdate } = networkPolicyResource.strategy;
    expect(messages(validateNew?.(policy("10.0.0.1/24")) ?? [])).toEqual(['spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.1/24": must not have bits set beyond the prefix length']);
    expect(validateUpdate?.(policy("10.1.0.0/16", "10.0.0.1/24"), policy("10.0.0.1/24"))).toEqual([]);
  });
});

test("pods are given neither name servers nor names of hosts at addresses that programs read differently", () => {
  const spec = { containers: [{ name: "c", image: "i" }], dnsConfig: { nameservers: ["010.0.0.1"] }, hostAliases: [{ ip: "::ffff:10.0.0.1", hostnames: ["a"] }] } as unknown as Parameters<
    typeof validatePodSpec
  >[0];
  expect(messages(validatePodSpec(spec, "spec"))).toEqual(
    expect.arrayContaining([
      'spec.dnsConfig.nameservers[0]: Invalid value: "010.0.0.1": must not have leading 0s',
      'spec.hostAliases[0].ip: Invalid value: "::ffff:10.0.0.1": must not be an IPv4-mapped IPv6 address',
    ]),
  );
});

test.each([
  ["10.9.8.7", "10.9.8.7", "IPv4"],
  ["010.009.8.07", "10.9.8.7", "IPv4"],
  ["::ffff:10.9.8.7", "10.9.8.7", "IPv4"],
  ["::FFFF:a09:807", "10.9.8.7", "IPv4"],
  ["0:0::ffff:010.9.8.7", "10.9.8.7", "IPv4"],
  ["FE80::1", "FE80::1", "IPv6"],
  ["64:ff9b::010.9.8.7", "64:ff9b::a09:807", "IPv6"],
  ["::fffe:0:1", "::fffe:0:1", "IPv6"],
  ["10.9.8.256", "10.9.8.256", undefined],
  ["0x10.9.8.7", "0x10.9.8.7", undefined],
  ["web", "web", undefined],
])("%s is read as %s by all of the cluster", (text, standard, family) => {
  expect([standardAddress(text), familyOf(text)]).toEqual([standard, family]);
});

test.each([
  ["010.9.8.7/024", "10.9.8.0/24"],
  ["::ffff:10.9.8.7/120", "10.9.8.0/24"],
  ["::ffff:10.9.8.7/64", "::/64"],
  ["FE80::1/64", "fe80::/64"],
  ["10.9.8.7", "10.9.8.7"],
])("the block %s is %s", (text, standard) => {
  expect(standardBlock(text)).toBe(standard);
});

test("addresses that are their own names are written in one way, and told why", () => {
  expect(messages(canonicalAddressErrors("010.0.0.1", "name"))).toEqual(['name: Invalid value: "010.0.0.1": must not have leading 0s']);
  expect(messages(canonicalAddressErrors("::ffff:10.0.0.1", "name"))).toEqual(['name: Invalid value: "::ffff:10.0.0.1": must not be an IPv4-mapped IPv6 address']);
});
