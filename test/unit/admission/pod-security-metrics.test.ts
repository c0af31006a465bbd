import { expect, test } from "vitest";
import type { AdmissionAttributes, AdmissionReader } from "../../../engine/admission/admission.ts";
import { podSecurity } from "../../../engine/admission/pod-security/pod-security.ts";
import { PodSecurityMetrics } from "../../../engine/admission/pod-security/pod-security-metrics.ts";
import { OPEN_SETTINGS } from "../../../engine/admission/pod-security/pod-security-settings.ts";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { RequestNotes } from "../../../engine/apimachinery/request-notes.ts";
import { MetricsRegistry } from "../../../engine/lib/metrics.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";
import type { PodSpec } from "../../../engine/resources/types.ts";

const spec = (more: Partial<PodSpec> = {}): PodSpec => ({ containers: [{ name: "c", image: "i" }], ...more });
const podOf = (more: Partial<PodSpec> = {}) => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "n" }, spec: spec(more) });
const deploymentOf = (more: Partial<PodSpec> = {}) => ({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "d", namespace: "n" }, spec: { template: { metadata: {}, spec: spec(more) } } });
const onHost = { hostNetwork: true };

interface Look extends Partial<AdmissionAttributes> {
  readonly of?: ResourceDefinition;
}

/** A plugin whose namespaces have these labels; undefined for one that there is not, "broken" where nobody can say. */
function watched(labels: Readonly<Record<string, string>> | undefined | "broken", settings = OPEN_SETTINGS) {
  const registry = new MetricsRegistry();
  const plugin = podSecurity({ settings, metrics: new PodSecurityMetrics(registry, 36) });
  const namespace =
    labels === undefined
      ? undefined
      : {
          apiVersion: "v1",
          kind: "Namespace",
          metadata: { name: "n", labels: labels === "broken" ? {} : Object.fromEntries(Object.entries(labels).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value])) },
        };
  const reader: AdmissionReader = {
    get: async <T extends KubeObject>() => {
      if (labels === "broken") throw new Error("no store");
      return namespace as T | undefined;
    },
    list: async () => [],
  };
  const notes = new RequestNotes();
  const look = ({ of = podResource as unknown as ResourceDefinition, ...more }: Look) => {
    const attributes: AdmissionAttributes = {
      operation: "CREATE",
      user: { username: "ann", groups: [] },
      definition: of,
      subresource: undefined,
      namespace: "n",
      name: "p",
      object: podOf(),
      old: undefined,
      assumedNamespaces: undefined,
      notes,
      ...more,
    };
    return Promise.resolve(plugin.validate?.(attributes, reader)).catch((error: unknown) => (error as Error).message);
  };
  /** What was counted, without the names that are the same in all of a test. */
  const counted = () =>
    registry
      .render()
      .split("\n")
      .filter((line) => line.startsWith("pod_security_") && !line.endsWith(" 0"));
  return { look, counted, registry, notes };
}

test("what every cluster counts is there from the beginning", () => {
  const { registry } = watched({});
  expect(
    registry
      .render()
      .split("\n")
      .filter((line) => line.startsWith("pod_security_")),
  ).toEqual([
    ...["create", "update"].map(
      (operation) =>
        `pod_security_evaluations_total{decision="allow",mode="enforce",policy_level="privileged",policy_version="latest",request_operation="${operation}",resource="pod",subresource=""} 0`,
    ),
    ...["create", "update"].flatMap((operation) => ["pod", "controller"].map((resource) => `pod_security_exemptions_total{request_operation="${operation}",resource="${resource}",subresource=""} 0`)),
  ]);
});

test("a pod is counted once for the level that is enforced, and for each other one that it breaks", async () => {
  const { look, counted } = watched({ enforce: "baseline", "enforce-version": "v1.30", audit: "restricted", warn: "restricted", "warn-version": "v1.99" });
  await look({});
  expect(counted()).toEqual([
    'pod_security_evaluations_total{decision="allow",mode="enforce",policy_level="baseline",policy_version="v1.30",request_operation="create",resource="pod",subresource=""} 1',
    'pod_security_evaluations_total{decision="deny",mode="audit",policy_level="restricted",policy_version="latest",request_operation="create",resource="pod",subresource=""} 1',
    'pod_security_evaluations_total{decision="deny",mode="warn",policy_level="restricted",policy_version="future",request_operation="create",resource="pod",subresource=""} 1',
  ]);
});

test("a pod that is refused is not warned about, and its maker breaks no level that is enforced", async () => {
  const { look, counted } = watched({ enforce: "baseline" });
  expect(await look({ object: podOf(onHost) })).toContain('violates PodSecurity "baseline:latest": host namespaces');
  expect(counted()).toEqual([
    'pod_security_evaluations_total{decision="deny",mode="enforce",policy_level="baseline",policy_version="latest",request_operation="create",resource="pod",subresource=""} 1',
  ]);
  await look({ of: deploymentResource as unknown as ResourceDefinition, object: deploymentOf(onHost) });
  expect(counted().slice(1)).toEqual([
    'pod_security_evaluations_total{decision="deny",mode="warn",policy_level="baseline",policy_version="latest",request_operation="create",resource="controller",subresource=""} 1',
  ]);
});

test("where nothing is asked for, pods are counted, their makers are not, and what changes nothing of a pod is not looked at", async () => {
  const open = watched({ "enforce-version": "v1.20" });
  await open.look({});
  await open.look({ operation: "UPDATE", old: podOf(), subresource: "ephemeralcontainers" });
  await open.look({ operation: "UPDATE", old: podOf(), subresource: "status" });
  await open.look({ of: deploymentResource as unknown as ResourceDefinition, object: deploymentOf() });
  expect(open.counted()).toEqual([
    'pod_security_evaluations_total{decision="allow",mode="enforce",policy_level="privileged",policy_version="latest",request_operation="create",resource="pod",subresource=""} 1',
    'pod_security_evaluations_total{decision="allow",mode="enforce",policy_level="privileged",policy_version="latest",request_operation="update",resource="pod",subresource="ephemeralcontainers"} 1',
  ]);
  expect([...open.notes.annotations]).toEqual([["pod-security.kubernetes.io/enforce-policy", "privileged:latest"]]);
  const strict = watched({ enforce: "restricted" });
  await strict.look({ operation: "UPDATE", object: podOf(onHost), old: podOf() });
  expect(strict.counted()).toEqual([]);
});

test("whoever is exempt is counted as that alone", async () => {
  const settings = { ...OPEN_SETTINGS, exemptions: { usernames: ["bob"], namespaces: ["free"], runtimeClasses: ["gvisor"] } };
  const { look, counted } = watched({ enforce: "restricted" }, settings);
  await look({ user: { username: "bob", groups: [] } });
  await look({ namespace: "free", operation: "UPDATE", old: podOf(onHost) });
  await look({ object: podOf({ runtimeClassName: "gvisor" }) });
  await look({ of: deploymentResource as unknown as ResourceDefinition, object: deploymentOf({ runtimeClassName: "gvisor" }) });
  expect(counted()).toEqual([
    'pod_security_exemptions_total{request_operation="create",resource="pod",subresource=""} 2',
    'pod_security_exemptions_total{request_operation="create",resource="controller",subresource=""} 1',
    'pod_security_exemptions_total{request_operation="update",resource="pod",subresource=""} 1',
  ]);
});

test("labels that cannot be read are an error that leaves a level to hold pods against", async () => {
  const { look, counted, notes } = watched({ enforce: "strict", warn: "x" });
  expect(await look({})).toContain('violates PodSecurity "restricted:latest"');
  expect(counted()).toContain('pod_security_errors_total{fatal="false",request_operation="create",resource="pod",subresource=""} 1');
  expect(counted()).toContain(
    'pod_security_evaluations_total{decision="deny",mode="enforce",policy_level="restricted",policy_version="latest",request_operation="create",resource="pod",subresource=""} 1',
  );
  expect(notes.annotations.get("pod-security.kubernetes.io/error")).toMatch(
    /^Failed to parse policy: \[metadata.labels\[pod-security.kubernetes.io\/enforce\]: .*, metadata.labels\[pod-security.kubernetes.io\/warn\]: .*\]$/,
  );
});

test.each([
  ["there is not", undefined, 'namespace "n" not found'],
  ["nobody can read", "broken", "no store"],
] as const)("a namespace that %s keeps pods out, not their makers", async (_what, labels, why) => {
  const { look, counted, notes } = watched(labels);
  expect(await look({})).toBe('Internal error occurred: failed to lookup namespace "n"');
  expect(await look({ of: deploymentResource as unknown as ResourceDefinition, object: deploymentOf() })).toBeUndefined();
  expect(counted()).toEqual(["pod", "controller"].map((resource) => `pod_security_errors_total{fatal="true",request_operation="create",resource="${resource}",subresource=""} 1`));
  expect(notes.annotations.get("pod-security.kubernetes.io/error")).toBe(`failed to lookup namespace "n": ${why}`);
  if (labels === undefined) expect(await look({ assumedNamespaces: new Set(["n"]) })).toBeUndefined();
});
