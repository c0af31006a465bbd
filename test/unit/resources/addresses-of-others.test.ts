import { describe, expect, test } from "vitest";
import { validatePodStatusUpdate, withPodAddresses } from "../../../engine/resources/validation/pod-status.ts";
import { validateNewService, validateServiceUpdate } from "../../../engine/resources/validation/service.ts";
import type { Pod, PodStatus, Service } from "../../../engine/resources/types.ts";

const pod = (status: PodStatus): Pod => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "web" }, spec: { containers: [{ name: "web", image: "web:1" }] }, status });
const shown = (errors: ReturnType<typeof validatePodStatusUpdate>) => errors.map(({ field, message }) => `${field}: ${message}`);

describe("a pod's status", () => {
  const RULE = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
  test.each<[string, PodStatus, readonly string[]]>([
    ["has an address", { podIP: "10.0.0.1", podIPs: [{ ip: "10.0.0.1" }], hostIP: "10.1.0.1", hostIPs: [{ ip: "10.1.0.1" }] }, []],
    ["has one of each family", { podIP: "10.0.0.1", podIPs: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }] }, []],
    ["has addresses and no rules", { podIP: "10.0.0.1/32 -j ACCEPT", podIPs: [{ ip: "10.0.0.1/32 -j ACCEPT" }] }, [`status.podIPs[0]: Invalid value: "10.0.0.1/32 -j ACCEPT": ${RULE}`]],
    [
      "has no two of one family",
      { podIP: "10.0.0.1", podIPs: [{ ip: "10.0.0.1" }, { ip: "10.0.0.2" }] },
      ['status.podIPs: Invalid value: [{"ip":"10.0.0.1"},{"ip":"10.0.0.2"}]: may specify no more than one IP for each IP family'],
    ],
    ["has a machine with an address", { hostIP: "x\ny", hostIPs: [{ ip: "x\ny" }] }, [`status.hostIPs[0]: Invalid value: "x\\ny": ${RULE}`]],
    ["has one word on it", { hostIP: "10.1.0.1", hostIPs: [{ ip: "10.1.0.2" }] }, ['status.hostIPs[0].ip: Invalid value: "10.1.0.2": must be equal to `hostIP`']],
    ["keeps what it had", { podIP: "old", podIPs: [{ ip: "old" }] }, []],
  ])("%s", (_what, status, expected) => {
    expect(shown(validatePodStatusUpdate(pod(status), pod({ podIP: "old", podIPs: [{ ip: "old" }] })))).toEqual(expected);
  });

  test("has the same addresses in both fields; the older one counts", () => {
    expect(withPodAddresses({ podIP: "10.0.0.1", podIPs: [{ ip: "10.0.0.2" }] })).toEqual({ podIP: "10.0.0.1", podIPs: [{ ip: "10.0.0.1" }] });
    expect(withPodAddresses({ podIP: "10.0.0.1" })).toEqual({ podIP: "10.0.0.1", podIPs: [{ ip: "10.0.0.1" }] });
    expect(withPodAddresses({ podIPs: [{ ip: "10.0.0.2" }] })).toEqual({ podIP: "10.0.0.2", podIPs: [{ ip: "10.0.0.2" }] });
  });
});

describe("the sources that a balancer's annotation lets in", () => {
  const ANNOTATION = "service.beta.kubernetes.io/load-balancer-source-ranges";
  const service = (text: string, type = "LoadBalancer"): Service => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", annotations: { [ANNOTATION]: text } },
    spec: { type, ports: [{ port: 80 }] },
  });
  test.each<[string, Service, readonly string[]]>([
    ["are blocks", service(" 10.0.0.0/8, 192.168.0.0/16 "), []],
    ["may be none", service(""), []],
    [
      "are refused when they cannot be read, for nobody would be kept out",
      service("10.0.0.0/8;192.168.0.0/16"),
      [`metadata.annotations[${ANNOTATION}]: Invalid value: "10.0.0.0/8;192.168.0.0/16": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`],
    ],
    ["are those of a balancer", service("10.0.0.0/8", "ClusterIP"), [`metadata.annotations[${ANNOTATION}]: Forbidden: may only be used when \`type\` is 'LoadBalancer'`]],
  ])("%s", (_what, body, expected) => {
    expect(shown(validateNewService(body))).toEqual(expected);
  });

  test("stay as they were", () => {
    expect(validateServiceUpdate(service("none"), service("none"))).toEqual([]);
    expect(validateServiceUpdate(service("none"), service("10.0.0.0/8"))).toHaveLength(1);
  });
});
