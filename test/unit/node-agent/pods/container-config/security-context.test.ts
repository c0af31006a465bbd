import { describe, expect, it } from "vitest";
import type { Container, Pod, PodSpec } from "../../../../../engine/resources/types.ts";
import { SecurityProfile_ProfileType } from "../../../../../node-agent/cri/runtime_pb.ts";
import { computeSecurityContext } from "../../../../../node-agent/pods/container-config/security-context.ts";

const root = { uid: 0, username: "" };
const compute = (
  container: Partial<Container>,
  image: { uid?: number; username: string } = root,
  spec: Partial<PodSpec> = {},
  { seccompDefault = false, annotations = {} }: { seccompDefault?: boolean; annotations?: Record<string, string> } = {},
) => {
  const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "n", uid: "u", annotations }, spec: { containers: [], ...spec } };
  return computeSecurityContext(pod, { name: "c", ...container }, image, { seccompDir: "/profiles", seccompDefault });
};

describe("computeSecurityContext", () => {
  it("hides what /proc and /sys tell of the machine, and guards what can change it, unless the container may see all", () => {
    expect(compute({})).toMatchObject({ maskedPaths: expect.arrayContaining(["/proc/kcore", "/sys/firmware"]), readonlyPaths: expect.arrayContaining(["/proc/sys", "/proc/sysrq-trigger"]) });
    expect(compute({ securityContext: { procMount: "Unmasked" } })).toMatchObject({ maskedPaths: [], readonlyPaths: [] });
  });

  it("lets a container's words win over the pod's", () => {
    const spec = { securityContext: { runAsUser: 1, runAsGroup: 2, seLinuxOptions: { level: "s0" }, supplementalGroups: [7], fsGroup: 8 } };
    expect(compute({ securityContext: { runAsUser: 3 } }, root, spec)).toMatchObject({
      runAsUser: { value: 3n },
      runAsGroup: { value: 2n },
      selinuxOptions: { level: "s0" },
      supplementalGroups: [7n, 8n],
    });
  });

  it("names the image's user beside a group, which runtimes take only with a user", () => {
    expect(compute({})).not.toHaveProperty("runAsUser");
    expect(compute({ securityContext: { runAsGroup: 5 } }, { uid: 1000, username: "" })).toMatchObject({ runAsUser: { value: 1000n } });
    expect(compute({ securityContext: { runAsGroup: 5 } }, { username: "web" })).toMatchObject({ runAsUsername: "web" });
  });

  it.each<[string, Partial<Container>, { uid?: number; username: string }, string | undefined]>([
    ["its own user is root", { securityContext: { runAsNonRoot: true, runAsUser: 0 } }, root, "breaks non-root policy"],
    ["its image's user is root", { securityContext: { runAsNonRoot: true } }, root, "image will run as root"],
    ["its image names nobody", { securityContext: { runAsNonRoot: true } }, { username: "" }, "image will run as root"],
    ["its image names somebody without a number", { securityContext: { runAsNonRoot: true } }, { username: "web" }, "non-numeric user (web)"],
    ["never, if its image's user is another", { securityContext: { runAsNonRoot: true } }, { uid: 1000, username: "" }, undefined],
    ["never, if it names another itself", { securityContext: { runAsNonRoot: true, runAsUser: 1 } }, root, undefined],
  ])("refuses a container that must not run as root when %s", (_when, container, image, problem) => {
    if (problem === undefined) expect(() => compute(container, image)).not.toThrow();
    else expect(() => compute(container, image)).toThrow(problem);
  });

  it("finds a named seccomp profile in the node's folder", () => {
    expect(compute({ securityContext: { seccompProfile: { type: "Localhost", localhostProfile: "team/audit.json" } } }).seccomp).toEqual({
      profileType: SecurityProfile_ProfileType.Localhost,
      localhostRef: "/profiles/team/audit.json",
    });
    expect(compute({ securityContext: { privileged: true } }).seccomp).toEqual({ profileType: SecurityProfile_ProfileType.Unconfined });
  });

  it("holds who names no seccomp profile to none, or to the runtime's where the administrator says so", () => {
    expect(compute({}).seccomp).toEqual({ profileType: SecurityProfile_ProfileType.Unconfined });
    expect(compute({}, root, {}, { seccompDefault: true }).seccomp).toEqual({ profileType: SecurityProfile_ProfileType.RuntimeDefault });
    expect(compute({ securityContext: { privileged: true } }, root, {}, { seccompDefault: true }).seccomp).toEqual({ profileType: SecurityProfile_ProfileType.Unconfined });
    expect(compute({}, root, { securityContext: { seccompProfile: { type: "RuntimeDefault" } } }).seccomp).toEqual({ profileType: SecurityProfile_ProfileType.RuntimeDefault });
  });

  it.each<[string, Partial<Container>, Partial<PodSpec>, Record<string, string>, object | undefined]>([
    ["nobody's", {}, {}, {}, undefined],
    ["its pod's", {}, { securityContext: { appArmorProfile: { type: "RuntimeDefault" } } }, {}, { profileType: SecurityProfile_ProfileType.RuntimeDefault }],
    [
      "its own",
      { securityContext: { appArmorProfile: { type: "Localhost", localhostProfile: "web" } } },
      { securityContext: { appArmorProfile: { type: "Unconfined" } } },
      {},
      { profileType: SecurityProfile_ProfileType.Localhost, localhostRef: "web" },
    ],
    ["that of its annotation", {}, {}, { "container.apparmor.security.beta.kubernetes.io/c": "unconfined" }, { profileType: SecurityProfile_ProfileType.Unconfined }],
  ])("hands AppArmor profiles to the runtime: %s", (_whose, container, spec, annotations, profile) => {
    expect({ apparmor: undefined, ...compute(container, root, spec, { annotations }) }.apparmor).toEqual(profile);
  });
});
