import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { endpointSliceResource } from "../../../engine/resources/discovery/endpoint-slice.ts";
import { endpointsResource } from "../../../engine/resources/core/endpoints.ts";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { serviceResource } from "../../../engine/resources/core/service.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";
import { networkPolicyResource } from "../../../engine/resources/networking/network-policy.ts";
import type { ServiceSpec } from "../../../engine/resources/types.ts";
import { startTestApi, type TestApi } from "../../kit/test-api.ts";

/** Where upstream's StrictIPCIDRValidation is switched off. */
let loose: TestApi;
let strict: TestApi;
beforeAll(async () => {
  [loose, strict] = [await startTestApi({ disabledFeatures: new Set(["StrictIPCIDRValidation"]) }), await startTestApi()];
});
afterAll(async () => {
  await loose.stop();
  await strict.stop();
});

let names = 0;
const object = (definition: ResourceDefinition<never>, more: object) => ({
  apiVersion: definition.group === "" ? "v1" : `${definition.group}/${definition.version}`,
  kind: definition.kind,
  metadata: { name: `o${names++}`, ...(definition.namespaced ? { namespace: "default" } : {}) },
  ...more,
});
/** What was stored, or why nothing was. */
const put = async (api: TestApi, definition: object, more: object): Promise<KubeObject | string> => {
  const kind = definition as ResourceDefinition<never>;
  return api.client
    .for(kind as unknown as ResourceDefinition)
    .create(object(kind, more) as unknown as KubeObject)
    .catch((error: Error) => error.message);
};
const service = (spec: Partial<ServiceSpec>) => ({ spec: { ports: [{ port: 80 }], ...spec } });
const slice = (addressType: string, ...addresses: string[]) => ({ addressType, endpoints: addresses.map((address) => ({ addresses: [address] })) });
const policy = (cidr: string, ...except: string[]) => ({ spec: { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr, except } }] }] } });

describe("addresses that programs read differently", () => {
  const pod = { spec: { containers: [{ name: "c", image: "i" }], dnsConfig: { nameservers: ["010.0.0.1"] }, hostAliases: [{ ip: "::ffff:10.0.0.1", hostnames: ["a"] }] } };
  test.each<[string, object, object]>([
    ["a Service's addresses from outside", serviceResource, service({ externalIPs: ["192.168.0.012"] })],
    ["who may come by a load balancer", serviceResource, service({ type: "LoadBalancer", loadBalancerSourceRanges: ["10.0.0.1/24", "010.0.0.0/08"] })],
    ["a slice's endpoints", endpointSliceResource, slice("IPv4", "10.244.0.011", "::ffff:10.244.0.12")],
    ["endpoints", endpointsResource, { subsets: [{ addresses: [{ ip: "010.244.0.1" }], ports: [{ port: 80 }] }] }],
    ["a policy's blocks", networkPolicyResource, policy("10.0.0.1/024", "10.0.0.017/28")],
    ["a pod's name servers and aliases", podResource, pod],
    ["a node's ranges", nodeResource, { spec: { podCIDR: "010.42.7.0/24", podCIDRs: ["010.42.7.0/24"] } }],
  ])("are kept as they are: %s", async (_what, definition, more) => {
    expect(await put(loose, definition, more)).toMatchObject(more);
    expect(await put(strict, definition, more)).toMatch(/must not (have leading 0s|be an IPv4-mapped|have bits set)/);
  });

  test.each<[string, object, object, string]>([
    ["what is no address", serviceResource, service({ externalIPs: ["10.0.0.256"] }), "must be a valid IP address"],
    ["what is no block", networkPolicyResource, policy("10.0.0.0/33"), "must be a valid CIDR value"],
    ["the loopback", serviceResource, service({ externalIPs: ["0127.0.0.1"] }), "may not be in the loopback range"],
    ["the loopback as IPv6", endpointSliceResource, slice("IPv4", "::ffff:127.0.0.1"), "may not be in the loopback range"],
    ["another family", endpointSliceResource, slice("IPv6", "010.0.0.1"), "must not have leading 0s"],
    ["IPv6 in a slice, which came with the strict rules", endpointSliceResource, slice("IPv6", "2001:DB8::1"), "must be in canonical form"],
    ["a hole that is no part of its block", networkPolicyResource, policy("010.0.0.0/24", "10.0.1.0/25"), "must be a strict subset"],
    [
      "two addresses of one family",
      serviceResource,
      service({ ipFamilyPolicy: "PreferDualStack", clusterIP: "010.43.0.7", clusterIPs: ["010.43.0.7", "::ffff:10.43.0.8"] }),
      "may specify no more than one IP for each IP family",
    ],
    ["an address of another family than is named", serviceResource, service({ clusterIP: "010.43.0.7", clusterIPs: ["010.43.0.7"], ipFamilies: ["IPv6"] }), "expected an IPv6 value"],
  ])("are refused all the same for %s", async (_what, definition, more, why) => {
    expect(await put(loose, definition, more)).toContain(why);
  });

  test("of Services are given once, however they are written", async () => {
    expect(await put(loose, serviceResource, service({ clusterIP: "010.43.0.77" }))).toMatchObject({ spec: { clusterIP: "010.43.0.77", clusterIPs: ["010.43.0.77"], ipFamilies: ["IPv4"] } });
    for (const clusterIP of ["10.43.0.77", "::ffff:10.43.0.77", "10.43.0.077"]) expect(await put(loose, serviceResource, service({ clusterIP }))).toContain("provided IP is already allocated");
  });

  test("stay when the rest of their object is changed, and newer ones are judged as when it was made", async () => {
    const made = await put(loose, serviceResource, service({ externalIPs: ["192.168.0.012"] }));
    if (typeof made === "string") throw new Error(made);
    const client = loose.client.for(serviceResource);
    expect(await client.patch("default", made.metadata.name ?? "", "merge", { spec: { externalIPs: ["192.168.0.012", "192.168.0.013"] } })).toMatchObject({
      spec: { externalIPs: ["192.168.0.012", "192.168.0.013"] },
    });
  });
});
