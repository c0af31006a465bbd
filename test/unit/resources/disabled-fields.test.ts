import { describe, expect, it, test } from "vitest";
import { disabledFeatures } from "../../../engine/apimachinery/feature-gates.ts";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { disabledValueErrors } from "../../../engine/resources/disabled-values.ts";
import { withoutDisabledFields } from "../../../engine/resources/disabled-fields.ts";
import { deepFreeze } from "../../../engine/lib/freeze.ts";

const container = { name: "c", lifecycle: { stopSignal: "SIGUSR1" } };
const projected = (source: object) => ({ volumes: [{ name: "v", projected: { sources: [source, { secret: { name: "s" } }] } }] });

interface Row {
  readonly kind: string;
  readonly written: object;
  readonly kept: object;
}

const rows: readonly Row[] = [
  {
    kind: "/pods",
    written: { spec: { containers: [container], initContainers: [{ name: "i", lifecycle: { stopSignal: "SIGINT", preStop: { sleep: { seconds: 1 } } } }] } },
    kept: { spec: { containers: [{ name: "c" }], initContainers: [{ name: "i", lifecycle: { preStop: { sleep: { seconds: 1 } } } }] } },
  },
  { kind: "/pods", written: { spec: projected({ clusterTrustBundle: { path: "x", name: "y" } }) }, kept: { spec: projected({}) } },
  { kind: "/pods", written: { spec: projected({ podCertificate: { signerName: "x" } }) }, kept: { spec: projected({}) } },
  { kind: "/pods", written: { spec: { schedulingGroup: { podGroupName: "g" }, nodeName: "n" } }, kept: { spec: { nodeName: "n" } } },
  {
    kind: "/pods",
    written: { status: { containerStatuses: [{ name: "c", volumeMounts: [{ name: "v", volumeStatus: { image: {} } }] }], nodeAllocatableResourceClaimStatuses: [{}] } },
    kept: { status: { containerStatuses: [{ name: "c", volumeMounts: [{ name: "v" }] }] } },
  },
  ...["apps/deployments", "apps/replicasets", "apps/daemonsets", "apps/statefulsets", "batch/jobs", "/replicationcontrollers"].map((kind) => ({
    kind,
    written: { spec: { template: { spec: { containers: [container] } } } },
    kept: { spec: { template: { spec: { containers: [{ name: "c" }] } } } },
  })),
  { kind: "/podtemplates", written: { template: { spec: { containers: [container] } } }, kept: { template: { spec: { containers: [{ name: "c" }] } } } },
  {
    kind: "batch/cronjobs",
    written: { spec: { jobTemplate: { spec: { template: { spec: { containers: [container] } } } } } },
    kept: { spec: { jobTemplate: { spec: { template: { spec: { containers: [{ name: "c" }] } } } } } },
  },
  { kind: "apps/statefulsets", written: { spec: { updateStrategy: { rollingUpdate: { maxUnavailable: 2, partition: 1 } } } }, kept: { spec: { updateStrategy: { rollingUpdate: { partition: 1 } } } } },
  { kind: "coordination.k8s.io/leases", written: { spec: { strategy: "OldestEmulationVersion", preferredHolder: "b", holderIdentity: "a" } }, kept: { spec: { holderIdentity: "a" } } },
  {
    kind: "resource.k8s.io/resourceslices",
    written: { spec: { devices: [{ name: "d", attributes: { a: { ints: [1] }, b: { int: 1 } }, nodeAllocatableResourceMappings: { cpu: {} } }] } },
    kept: { spec: { devices: [{ name: "d", attributes: { a: {}, b: { int: 1 } } }] } },
  },
  { kind: "storage.k8s.io/csidrivers", written: { spec: { preventPodSchedulingIfMissing: true, podInfoOnMount: true } }, kept: { spec: { podInfoOnMount: true } } },
];

const dropped = (kind: string, object: object, old?: object, gates: Readonly<Record<string, boolean>> = {}): unknown => {
  const [group = "", resource = ""] = kind.split("/");
  return withoutDisabledFields({ group, resource }, deepFreeze(object) as KubeObject, old as KubeObject | undefined, disabledFeatures(gates)); // only the fields in question are there
};

describe("ways to relabel files of which a feature is off", () => {
  const judged = (kind: string, policy: string | undefined, before?: string) => {
    const [group = "", resource = ""] = kind.split("/");
    const of = (value?: string) =>
      ({
        spec: {
          jobTemplate: { spec: { template: { spec: { securityContext: { seLinuxChangePolicy: value } } } } },
          template: { spec: { securityContext: { seLinuxChangePolicy: value } } },
          securityContext: { seLinuxChangePolicy: value },
        },
      }) as unknown as KubeObject; // only the field in question is there
    return disabledValueErrors({ group, resource }, of(policy), before === undefined ? undefined : of(before)).map(({ field, message }) => `${field}: ${message}`);
  };
  test.each([
    ["/pods", "spec"],
    ["apps/deployments", "spec.template.spec"],
    ["batch/cronjobs", "spec.jobTemplate.spec.template.spec"],
  ])("are refused in %s, but where there was one before", (kind, at) => {
    expect(judged(kind, "Recursive")).toEqual([]);
    expect(judged(kind, "MountOption")).toEqual([`${at}.securityContext.seLinuxChangePolicy: Unsupported value: "MountOption": supported values: "Recursive"`]);
    expect(judged(kind, "MountOption", "Recursive")).toEqual([]);
    expect(judged(kind, "No", "MountOption")).toEqual([`${at}.securityContext.seLinuxChangePolicy: Unsupported value: "No": supported values: "MountOption", "Recursive"`]);
  });
  test("are nothing to other kinds", () => expect(judged("/services", "MountOption")).toEqual([]));
});

describe("fields of features that are off", () => {
  it.each(rows)("go from new $kind: $written", ({ kind, written, kept }) => expect(JSON.stringify(dropped(kind, written))).toBe(JSON.stringify(kept)));

  it.each(rows)("go from $kind that had none, and stay where they were: $written", ({ kind, written, kept }) => {
    expect(dropped(kind, written, kept)).toEqual(kept);
    expect(dropped(kind, written, written)).toBe(written);
  });

  test("stay by kind and by field", () => {
    expect(dropped("/configmaps", { spec: { strategy: "x" } })).toEqual({ spec: { strategy: "x" } });
    expect(dropped("coordination.k8s.io/leases", { spec: { strategy: "x", preferredHolder: "b" } }, { spec: { strategy: "y" } })).toEqual({ spec: { strategy: "x" } });
  });

  test("stay once their feature is switched on", () => {
    const sets = rows.find(({ written }) => JSON.stringify(written).includes("maxUnavailable"))?.written ?? {};
    const drivers = rows.find(({ kind }) => kind.endsWith("csidrivers"))?.written ?? {};
    expect(dropped("apps/statefulsets", sets, undefined, { MaxUnavailableStatefulSet: true })).toBe(sets);
    expect(dropped("storage.k8s.io/csidrivers", drivers, undefined, { AllAlpha: true })).toBe(drivers);
  });
});
