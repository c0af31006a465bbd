import { describe, expect, test } from "vitest";
import { isAppliedOnce, pruneProtection, replacePolicy } from "../../../../engine/gitops/manifests/object-policies.ts";
import { referencesOf } from "../../../../engine/gitops/plan/object-references.ts";
import { desired } from "../objects.ts";

const pod = (spec: Record<string, unknown>) => ({ spec: { template: { spec: { containers: [{ name: "c", image: "i" }], ...spec } } } });
const container = (fields: Record<string, unknown>) => pod({ containers: [{ name: "c", image: "i", ...fields }] });
const references = (kind: string, fields: Record<string, unknown>) =>
  referencesOf(desired(kind, "x", fields).object).map(
    ({ kind: of, namespace, name, key, field }) => `${of} ${namespace === undefined ? "" : `${namespace}/`}${name}${key === undefined ? "" : `#${key}`} at ${field}`,
  );

describe("what an object refers to", () => {
  test.each<[string, string, Record<string, unknown>, readonly string[]]>([
    ["nothing, when it names nothing", "Deployment", pod({}), []],
    [
      "volumes",
      "Deployment",
      pod({
        volumes: [
          { name: "a", configMap: { name: "m" } },
          { name: "b", secret: { secretName: "s", items: [{ key: "k", path: "p" }] } },
          { name: "c", persistentVolumeClaim: { claimName: "v" } },
        ],
      }),
      [
        "ConfigMap web/m at spec.template.spec.volumes[0].configMap.name",
        "Secret web/s#k at spec.template.spec.volumes[1].secret.secretName",
        "PersistentVolumeClaim web/v at spec.template.spec.volumes[2].persistentVolumeClaim.claimName",
      ],
    ],
    [
      "projected volumes",
      "DaemonSet",
      pod({ volumes: [{ name: "a", projected: { sources: [{ secret: { name: "s" } }, { configMap: { name: "m", optional: true } }] } }] }),
      ["Secret web/s at spec.template.spec.volumes[0].projected.sources[0].secret.name"],
    ],
    [
      "the environment, key by key",
      "StatefulSet",
      container({
        env: [
          { name: "A", valueFrom: { configMapKeyRef: { name: "m", key: "a" } } },
          { name: "B", valueFrom: { secretKeyRef: { name: "s", key: "b", optional: true } } },
        ],
        envFrom: [{ secretRef: { name: "all" } }],
      }),
      ["Secret web/all at spec.template.spec.containers[0].envFrom[0].secretRef.name", "ConfigMap web/m#a at spec.template.spec.containers[0].env[0].valueFrom.configMapKeyRef.name"],
    ],
    [
      "its account and classes",
      "Deployment",
      pod({ serviceAccountName: "robot", priorityClassName: "high", runtimeClassName: "vm" }),
      ["ServiceAccount web/robot at spec.template.spec.serviceAccountName", "PriorityClass high at spec.template.spec.priorityClassName", "RuntimeClass vm at spec.template.spec.runtimeClassName"],
    ],
    ["not what every cluster has", "Deployment", pod({ serviceAccountName: "default", priorityClassName: "system-node-critical" }), []],
    ["a claim's class, but not the empty one", "PersistentVolumeClaim", { spec: { storageClassName: "fast" } }, ["StorageClass fast at spec.storageClassName"]],
    ["", "PersistentVolumeClaim", { spec: { storageClassName: "" } }, []],
    [
      "the pods of a schedule",
      "CronJob",
      { spec: { jobTemplate: { spec: { template: { spec: { containers: [], serviceAccountName: "robot" } } } } } },
      ["ServiceAccount web/robot at spec.jobTemplate.spec.template.spec.serviceAccountName"],
    ],
    ["the role of a binding", "RoleBinding", { roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" } }, ["ClusterRole view at roleRef.name"]],
  ])("%s (%s)", (_name, kind, fields, expected) => {
    expect(references(kind, fields)).toEqual(expected);
  });
});

describe("annotations of other tools keep their meaning", () => {
  const annotated = (annotations: Record<string, string>) => ({ metadata: { name: "x", annotations } });
  test.each<[Record<string, string>, boolean, string | undefined]>([
    [{}, false, undefined],
    [{ "mainstay.dev/prune": "disabled" }, true, undefined],
    [{ "argocd.argoproj.io/sync-options": "ServerSideApply=true, Prune=false" }, true, undefined],
    [{ "helm.sh/resource-policy": "keep" }, true, undefined],
    [{ "mainstay.dev/replace": "never", "kustomize.toolkit.fluxcd.io/force": "enabled" }, false, "never"],
    [{ "argocd.argoproj.io/sync-options": "Force=true" }, false, "allowed"],
    [{ "kustomize.toolkit.fluxcd.io/reconcile": "disabled" }, true, undefined],
  ])("%j", (annotations, isProtected, policy) => {
    expect(pruneProtection(annotated(annotations)) !== undefined).toBe(isProtected);
    expect(replacePolicy(annotated(annotations))).toBe(policy);
  });

  test("Flux reads its own from labels as well", () => {
    const labelled = (labels: Record<string, string>) => ({ metadata: { name: "x", labels } });
    expect(pruneProtection(labelled({ "kustomize.toolkit.fluxcd.io/prune": "Disabled" }))).toBe("kustomize.toolkit.fluxcd.io/prune is disabled");
    expect(isAppliedOnce(labelled({ "kustomize.toolkit.fluxcd.io/ssa": "ifNotPresent" }))).toBe(true);
    expect(isAppliedOnce(labelled({ "mainstay.dev/apply": "once" }))).toBe(false);
  });
});
