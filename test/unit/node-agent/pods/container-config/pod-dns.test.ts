import { expect, test } from "vitest";
import type { PodSpec } from "../../../../../engine/resources/types.ts";
import { parseResolvConf, readHostDns, type DnsSettings } from "../../../../../node-agent/network/resolv-conf.ts";
import { computePodDns } from "../../../../../node-agent/pods/container-config/pod-dns.ts";

const node = { clusterDns: ["10.43.0.10"], clusterDomain: "cluster.local", hostIps: ["192.0.2.1", "fd00::1"] };
const host: DnsSettings = { servers: ["192.0.2.53"], searches: ["corp.example"], options: ["timeout:1"] };
const cluster = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];
const of = (spec: Partial<PodSpec>, machine: DnsSettings | undefined = host) =>
  computePodDns({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "shop" }, spec: { containers: [], ...spec } }, node, machine);

test("a resolv.conf is read as resolvers read it", () => {
  expect(
    parseResolvConf("# mine\nnameserver 192.0.2.53\nsearch first.example\n nameserver  fd00::53 \nsearch corp.example. . other.example\noptions ndots:2 rotate\noptions ndots:3\nsortlist 1.2.3.4\n"),
  ).toEqual({ servers: ["192.0.2.53", "fd00::53"], searches: ["corp.example", "other.example"], options: ["ndots:3", "rotate"] });
  expect(readHostDns("")).toBeUndefined();
  expect(() => readHostDns("/none/resolv.conf")).toThrow("ENOENT");
});

test.each<[string, Partial<PodSpec>, DnsSettings]>([
  ["the cluster's names before the machine's domains", {}, { servers: ["10.43.0.10"], searches: [...cluster, "corp.example"], options: ["ndots:5"] }],
  [
    "so on the host's network too, if it says so",
    { hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" },
    { servers: ["10.43.0.10"], searches: [...cluster, "corp.example"], options: ["ndots:5"] },
  ],
  ["the machine's settings alone on the host's network", { hostNetwork: true }, host],
  [
    "the machine's settings and its own",
    { dnsPolicy: "Default", dnsConfig: { nameservers: ["192.0.2.54", "192.0.2.53"], searches: ["own.example"], options: [{ name: "timeout", value: "3" }, { name: "rotate" }] } },
    { servers: ["192.0.2.53", "192.0.2.54"], searches: ["corp.example", "own.example"], options: ["timeout:3", "rotate"] },
  ],
  ["nothing but its own", { dnsPolicy: "None", dnsConfig: { nameservers: ["192.0.2.54"] } }, { servers: ["192.0.2.54"], searches: [], options: [] }],
  [
    "no more servers than resolvers look at",
    { dnsPolicy: "Default", dnsConfig: { nameservers: ["192.0.2.1", "192.0.2.2", "192.0.2.3"] } },
    { ...host, servers: ["192.0.2.53", "192.0.2.1", "192.0.2.2"] },
  ],
])("a pod's resolver is told %s", (_what, spec, expected) => {
  expect(of(spec)).toMatchObject(expected);
});

test("what goes beyond the bounds of resolvers is left out, and told of in upstream's words", () => {
  expect(of({}).warnings).toEqual([]);
  const long = "x".repeat(254);
  const many = Array.from({ length: 40 }, (_, index) => `d${index}.example`);
  const { servers, searches, warnings } = of({ dnsPolicy: "None", dnsConfig: { nameservers: ["1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"], searches: [long, ...many] } });
  expect([servers, searches]).toEqual([["1.1.1.1", "2.2.2.2", "3.3.3.3"], many.slice(0, 31)]);
  expect(warnings).toEqual([
    "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 1.1.1.1 2.2.2.2 3.3.3.3",
    `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${many.slice(0, 31).join(" ")}`,
  ]);
});

test("a machine that tells pods nothing sends those that ask for its settings to themselves", () => {
  const none = (spec: Partial<PodSpec>) => computePodDns({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "shop" }, spec: { containers: [], ...spec } }, node, undefined);
  expect(none({ dnsPolicy: "Default" })).toMatchObject({ servers: ["127.0.0.1", "::1"], searches: ["."], options: [] });
  expect(none({}).searches).toEqual(cluster);
});
