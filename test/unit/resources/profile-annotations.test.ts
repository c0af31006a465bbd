import { describe, expect, test } from "vitest";
import { decodeObject } from "../../../engine/registry/decode-object.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { profileMismatches, withAppArmorFields } from "../../../engine/resources/profile-annotations.ts";
import type { Pod } from "../../../engine/resources/types.ts";
import { annotationChangeErrors } from "../../../engine/resources/validation/pod-annotations.ts";
import { appArmorWarnings } from "../../../engine/resources/warnings/pod-warnings.ts";

const KEY = "container.apparmor.security.beta.kubernetes.io";

function pod(annotations: Record<string, string>, spec: object = {}): Pod {
  return decodeObject(podResource, { metadata: { name: "p", namespace: "shop", annotations }, spec: { containers: [{ name: "c", image: "i" }], ...spec } }).object;
}

const profileOf = ({ spec }: Pod) => (spec.initContainers ?? spec.containers)[0]?.securityContext?.appArmorProfile;
const lines = (errors: readonly { readonly field: string; readonly message: string }[]) => errors.map(({ field, message }) => `${field}: ${message}`);

describe("an annotation that says how a container is confined", () => {
  test.each([
    ["unconfined", { type: "Unconfined" }],
    ["runtime/default", { type: "RuntimeDefault" }],
    ["localhost/mine", { type: "Localhost", localhostProfile: "mine" }],
    ["localhost/", undefined],
    ["localhost/ padded", undefined],
    ["other", undefined],
  ])("%s becomes the field of a new pod's container", (value, expected) => {
    expect(profileOf(withAppArmorFields(pod({ [`${KEY}/c`]: value })))).toEqual(expected);
    const prepared = podResource.strategy.prepareForCreate?.(pod({ [`${KEY}/i`]: value }, { initContainers: [{ name: "i", image: "i" }] }));
    expect(prepared && profileOf(prepared)).toEqual(expected);
  });

  test("leaves alone what is said already, by the container or by the pod, and pods of Windows", () => {
    const said = pod({ [`${KEY}/c`]: "unconfined" }, { containers: [{ name: "c", image: "i", securityContext: { appArmorProfile: { type: "RuntimeDefault" } } }] });
    expect(withAppArmorFields(said)).toEqual(said);
    const ofPod = pod({ [`${KEY}/c`]: "unconfined" }, { securityContext: { appArmorProfile: { type: "Unconfined" } } });
    expect(profileOf(withAppArmorFields(ofPod))).toBeUndefined();
    expect(profileOf(withAppArmorFields(pod({ [`${KEY}/c`]: "unconfined" }, { os: { name: "windows" } })))).toBeUndefined();
    const none = pod({ other: "x" });
    expect(withAppArmorFields(none)).toBe(none);
  });

  test("is warned of where no field says it, in a pod as it was written and in templates", () => {
    const sentence = `metadata.annotations[${KEY}/c]: deprecated since v1.30; use the "appArmorProfile" field instead`;
    expect(podResource.strategy.writtenWarnings?.(pod({ [`${KEY}/c`]: "unconfined" }))).toEqual([sentence]);
    expect(podResource.strategy.warnings?.(withAppArmorFields(pod({ [`${KEY}/c`]: "unconfined" })))).toEqual([]);
    const both = pod({ [`${KEY}/c`]: "unconfined" }, { containers: [{ name: "c", image: "i", securityContext: { appArmorProfile: { type: "Unconfined" } } }] });
    expect(appArmorWarnings(both, "")).toEqual([]);
    const template = { metadata: { annotations: { [`${KEY}/c`]: "unconfined" }, labels: { a: "b" } }, spec: both.spec.containers === undefined ? {} : { containers: [{ name: "c", image: "i" }] } };
    const deployment = decodeObject(deploymentResource, { metadata: { name: "d" }, spec: { selector: { matchLabels: { a: "b" } }, template } }).object;
    expect(deploymentResource.strategy.warnings?.(deployment)).toEqual([`spec.template.${sentence}`]);
  });

  test("must not say something else than the field", () => {
    const context = { seccompProfile: { type: "RuntimeDefault" }, appArmorProfile: { type: "Localhost", localhostProfile: "mine" } };
    const { metadata, spec } = pod(
      { [`${KEY}/c`]: "localhost/other", [`${KEY}/i`]: "unconfined", "seccomp.security.alpha.kubernetes.io/pod": "localhost/x", "container.seccomp.security.alpha.kubernetes.io/c": "docker/default" },
      { securityContext: context, containers: [{ name: "c", image: "i", securityContext: context }], initContainers: [{ name: "i", image: "i" }] },
    );
    expect(lines(profileMismatches(metadata, spec, "spec"))).toEqual([
      "spec.securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field must match",
      "spec.initContainers[0].securityContext.appArmorProfile.type: Forbidden: apparmor type in annotation and field must match",
      "spec.containers[0].securityContext.appArmorProfile.localhostProfile: Forbidden: apparmor profile in annotation and field must match",
    ]);
    expect(lines(podResource.strategy.validateNew?.({ ...pod({}), metadata, spec }) ?? [])).toHaveLength(3);
  });

  test("stays as it is for as long as the pod is there", () => {
    expect(lines(annotationChangeErrors({ [`${KEY}/c`]: "unconfined", "kubernetes.io/config.mirror": "x", free: "y" }, { [`${KEY}/c`]: "runtime/default", [`${KEY}/d`]: "", free: "x" }))).toEqual([
      `metadata.annotations[${KEY}/c]: Forbidden: may not remove or update AppArmor annotations`,
      `metadata.annotations[${KEY}/d]: Forbidden: may not remove or update AppArmor annotations`,
      "metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not add mirror pod annotation",
    ]);
    const old = pod({ [`${KEY}/c`]: "unconfined" });
    expect(lines(podResource.strategy.validateUpdate?.(pod({}), old) ?? [])).toEqual([`metadata.annotations[${KEY}/c]: Forbidden: may not remove or update AppArmor annotations`]);
  });
});
