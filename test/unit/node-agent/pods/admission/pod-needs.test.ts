import { expect, it } from "vitest";
import type { Pod, PodSpec } from "../../../../../engine/resources/types.ts";
import { normalSysctl, refuseNeeds } from "../../../../../node-agent/pods/admission/pod-needs.ts";

const pod = (spec: Partial<PodSpec>, metadata: Partial<Pod["metadata"]> = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", ...metadata },
  spec: { containers: [{ name: "c" }], ...spec },
});
const sysctl = (name: string) => pod({ securityContext: { sysctls: [{ name, value: "1" }] } });

it.each<[string, Pod, string | undefined]>([
  ["nothing special", pod({ os: { name: "linux" } }), undefined],
  ["another system", pod({ os: { name: "windows" } }), "PodOSNotSupported"],
  ["another system by its label", pod({}, { labels: { "kubernetes.io/os": "windows" } }), "PodOSSelectorNodeLabelDoesNotMatch"],
  ["no groups but its own", pod({ securityContext: { supplementalGroupsPolicy: "Strict" } }), "SupplementalGroupsPolicyNotSupported"],
  ["the image's groups as ever", pod({ securityContext: { supplementalGroupsPolicy: "Merge" } }), undefined],
  ["a safe parameter, with slashes", sysctl("net/ipv4/ip_local_port_range"), undefined],
  ["a parameter that touches others", sysctl("kernel.msgmax"), "SysctlForbidden"],
  ["one that the administrator allows", sysctl("net.core.somaxconn"), undefined],
  ["an AppArmor profile", pod({ securityContext: { appArmorProfile: { type: "RuntimeDefault" } } }), "AppArmor"],
  ["an AppArmor profile by annotation", pod({}, { annotations: { "container.apparmor.security.beta.kubernetes.io/c": "localhost/x" } }), "AppArmor"],
  [
    "none in its only container",
    pod({ securityContext: { appArmorProfile: { type: "RuntimeDefault" } }, containers: [{ name: "c", securityContext: { appArmorProfile: { type: "Unconfined" } } }] }),
    undefined,
  ],
])("a pod that wants %s", (_what, wanted, reason) => {
  expect(refuseNeeds(wanted, { unsafeSysctls: ["net.core.*"], hasAppArmor: false })?.reason).toBe(reason);
});

it("says in upstream's words that a profile of AppArmor cannot be had", () => {
  expect(refuseNeeds(pod({ securityContext: { appArmorProfile: { type: "RuntimeDefault" } } }), { unsafeSysctls: [], hasAppArmor: false })?.message).toBe(
    "Cannot enforce AppArmor: AppArmor is not enabled on the host",
  );
});

it("takes profiles of AppArmor where the machine has it", () => {
  expect(refuseNeeds(pod({ securityContext: { appArmorProfile: { type: "RuntimeDefault" } } }), { unsafeSysctls: [], hasAppArmor: true })).toBeUndefined();
});

it("reads kernel parameters in either notation", () => {
  expect(["net/ipv4/conf/eno2.100/rp_filter", "net.ipv4.conf.eno2/100.rp_filter", "kernel"].map(normalSysctl)).toEqual([
    "net.ipv4.conf.eno2/100.rp_filter",
    "net.ipv4.conf.eno2/100.rp_filter",
    "kernel",
  ]);
});
