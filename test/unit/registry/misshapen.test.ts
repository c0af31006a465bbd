import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { FeatureGates } from "../../../engine/apimachinery/feature-gates.ts";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import { decodeObject } from "../../../engine/registry/decode-object.ts";
import { refuseMisshapen } from "../../../engine/registry/validate-object.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { cronJobResource } from "../../../engine/resources/batch/cron-job.ts";
import { catalog } from "../../../engine/resources/catalog.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { serviceResource } from "../../../engine/resources/core/service.ts";
import { loadSchema } from "../../../engine/resources/load-schema.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";
import { rawTypes } from "../resources/schema-files.ts";

/** What is said of the body of a new object, or of what is to replace `old`; nothing if its shape is right. */
function causesOf(definition: ResourceDefinition, body: object, old?: KubeObject, disabled: FeatureGates = new Set()): readonly string[] {
  try {
    const { object, schemaErrors } = decodeObject(definition, body);
    if (schemaErrors.length > 0) refuseMisshapen(definition, object, schemaErrors, disabled, old);
    return [];
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return error.status.details?.causes?.map(({ field, message }) => `${field}: ${message}`) ?? [];
  }
}

describe("an object whose shape is wrong is refused with everything else that is wrong with it", () => {
  test("a Deployment without a selector, with its replicas, its name and its containers", () => {
    const template = {
      metadata: { labels: { app: "web" } },
      spec: { containers: [{ name: "Web", image: "web", ports: [{ containerPort: 80, name: "too-long-a-name-for-a-port" }] }, {}], restartPolicy: "Never" },
    };
    expect(causesOf(deploymentResource as never, { metadata: { name: "Web", namespace: "shop" }, spec: { replicas: -1, template } })).toEqual([
      expect.stringMatching(/^metadata\.name: Invalid value: "Web"/),
      "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
      "spec.selector: Required value",
      expect.stringMatching(/^spec\.template\.metadata\.labels: Invalid value: {"app":"web"}: `selector` does not match/),
      expect.stringMatching(/^spec\.template\.spec\.containers\[0\]\.name: Invalid value: "Web"/),
      expect.stringMatching(/^spec\.template\.spec\.containers\[0\]\.ports\[0\]\.name: Invalid value/),
      "spec.template.spec.containers[1].name: Required value",
      "spec.template.spec.containers[1].image: Required value",
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ]);
  });

  test("of a field, the rules' words count, which know Go's zero where nothing is; what they repeat is told as often", () => {
    const spec = (more: object) => ({ metadata: { name: "p", namespace: "shop" }, spec: { containers: [{ name: "c", image: "i" }], ...more } });
    expect(causesOf(podResource as never, spec({ tolerations: [{}, {}], topologySpreadConstraints: [{}] }))).toEqual([
      "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
      "spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty",
      'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "": supported values: "DoNotSchedule", "ScheduleAnyway"',
      'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
      'spec.tolerations[1].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ]);
  });

  const whole = (kind: string, more: object) => {
    const definition = catalog.find((one) => one.kind === kind && one.storedAs === undefined);
    if (definition === undefined) throw new Error(`no kind ${kind}`);
    const causes = (object: KubeObject) =>
      [...(definition.strategy.validate?.(object) ?? []), ...(definition.strategy.validateNew?.(object) ?? [])].map(({ field, message }) => `${field}: ${message}`);
    const { object, schemaErrors } = decodeObject(definition, { metadata: { name: "a", namespace: "shop" }, ...more });
    return schemaErrors.length > 0 ? causesOf(definition, { metadata: { name: "a", namespace: "shop" }, ...more }) : causes(object);
  };

  test.each([
    ["StorageClass", { provisioner: "a/b", reclaimPolicy: "Recycle" }, ['reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"']],
    ["StorageClass", { provisioner: "a/b", reclaimPolicy: "" }, []],
    ["PriorityClass", { value: 1, preemptionPolicy: "" }, ["preemptionPolicy: Required value"]],
    ["PriorityClass", { value: 1, preemptionPolicy: "Odd" }, ['preemptionPolicy: Unsupported value: "Odd": supported values: "PreemptLowerPriority", "Never"']],
    ["EndpointSlice", { endpoints: [{ addresses: ["x"], hints: { forZones: [{}] } }] }, ["addressType: Required value"]],
    ["EndpointSlice", { addressType: "Odd", endpoints: [{ addresses: ["x"] }] }, ['addressType: Unsupported value: "Odd": supported values: "FQDN", "IPv4", "IPv6"']],
    ["CSIDriver", { spec: { tokenRequests: [{}] } }, []],
    ["Ingress", { spec: { rules: [{ http: { paths: [{ backend: {} }] } }] } }, ["spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"]],
    [
      "HorizontalPodAutoscaler",
      { spec: { maxReplicas: 1, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "d" }, behavior: { scaleUp: { policies: [] } } } },
      ["spec.behavior.scaleUp.policies: Required value: must specify at least one Policy"],
    ],
    [
      "HorizontalPodAutoscaler",
      {
        spec: {
          maxReplicas: 1,
          scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "d" },
          metrics: [{ type: "Pods", pods: { metric: { name: "n", selector: { matchExpressions: [{}] } }, target: { type: "AverageValue", averageValue: "1" } } }],
        },
      },
      [],
    ],
    [
      "Service",
      { spec: { type: "LoadBalancer", loadBalancerClass: "a b", ports: [{ port: 80 }] } },
      [expect.stringMatching(/^spec\.loadBalancerClass: Invalid value: "a b": name part must consist of/)],
    ],
    [
      "DaemonSet",
      { spec: { template: { spec: { containers: [{ name: "c", image: "i" }] } }, updateStrategy: { type: "Odd" } } },
      [
        "spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`",
        'spec.updateStrategy: Unsupported value: {"Type":"Odd","RollingUpdate":null}: supported values: "RollingUpdate", "OnDelete"',
      ],
    ],
    [
      "Deployment",
      {
        spec: {
          selector: { matchLabels: { a: "b" } },
          template: { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }], restartPolicy: "Odd", preemptionPolicy: "" } },
          strategy: { type: "Odd" },
          progressDeadlineSeconds: -1,
        },
      },
      [
        'spec.template.spec.restartPolicy: Unsupported value: "Odd": supported values: "Always", "OnFailure", "Never"',
        "spec.template.spec.preemptionPolicy: Required value",
        'spec.template.spec.restartPolicy: Unsupported value: "Odd": supported values: "Always"',
        'spec.strategy: Unsupported value: {"Type":"Odd","RollingUpdate":null}: supported values: "Recreate", "RollingUpdate"',
        "spec.progressDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0",
        "spec.progressDeadlineSeconds: Invalid value: -1: must be greater than minReadySeconds",
      ],
    ],
    [
      "Job",
      {
        spec: {
          template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } },
          podFailurePolicy: { rules: [{ onPodConditions: [{ status: "Odd" }] }, { action: "Count", onExitCodes: {} }] },
        },
      },
      [
        'spec.podFailurePolicy.rules[0].action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]',
        'spec.podFailurePolicy.rules[0].onPodConditions[0].type: Invalid value: "": name part must be non-empty',
        expect.stringMatching(/^spec\.podFailurePolicy\.rules\[0\]\.onPodConditions\[0\]\.type: Invalid value: "": name part must consist/),
        'spec.podFailurePolicy.rules[0].onPodConditions[0].status: Unsupported value: "Odd": supported values: "False", "True", "Unknown"',
        'spec.podFailurePolicy.rules[1].onExitCodes.operator: Required value: valid values: ["In" "NotIn"]',
        "spec.podFailurePolicy.rules[1].onExitCodes.values: Invalid value: null: at least one value is required",
        "spec.selector: Required value", // which the registry makes
        "spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`",
      ],
    ],
  ])("what is published only is judged by the rules of the kind: %s %j", (kind, body, expected) => {
    expect(whole(kind, body)).toEqual(expected);
  });

  test("what is missing is asked for by its innermost fields, as of Go's empty structs", () => {
    expect(causesOf(cronJobResource as never, { metadata: { name: "c", namespace: "shop" } })).toEqual([
      "spec.schedule: Required value",
      "spec.jobTemplate.spec.template.spec.containers: Required value",
      'spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ]);
    expect(causesOf(podResource as never, { metadata: { namespace: "shop" } })).toEqual(["metadata.name: Required value: name or generateName is required", "spec.containers: Required value"]);
  });

  test("what would replace another is judged against it", () => {
    const old = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "shop", uid: "u" }, spec: { containers: [{ name: "c", image: "web" }], nodeName: "n" } };
    expect(causesOf(podResource as never, { ...old, spec: { containers: [{ name: "c", image: "web" }], nodeName: "n", hostAliases: [{ ip: "x" }], dnsPolicy: "no" } }, old)).toEqual(
      expect.arrayContaining([
        expect.stringContaining('spec.dnsPolicy: Unsupported value: "no"'),
        expect.stringContaining("spec.hostAliases[0].ip"),
        expect.stringContaining("pod updates may not change fields other than"),
      ]),
    );
  });

  test("what is wrong only where a feature is on is not told where it is off", () => {
    const service = { metadata: { name: "s", namespace: "shop" }, spec: { externalIPs: ["192.000.2.1"], ports: [{ port: 80 }], sessionAffinity: "x" } };
    const addresses = (disabled?: FeatureGates) => causesOf(serviceResource as never, service, undefined, disabled).filter((cause) => cause.startsWith("spec.externalIPs"));
    expect(addresses()).toEqual([expect.stringContaining("leading 0s")]);
    expect(addresses(new Set(["StrictIPCIDRValidation"]))).toEqual([]);
  });

  test("whatever must be there and is left out of a full object of any kind, the rules can do with what there is", () => {
    const required = new Set(rawTypes().flatMap(({ file, name }) => loadSchema(file, name).required ?? []));
    expect(catalog.filter(goldenOf).length).toBeGreaterThan(50);
    for (const definition of catalog) {
      const golden = goldenOf(definition);
      if (golden === undefined) continue;
      for (const path of pathsOf(golden)) {
        // Those of a pod are tried in pods; in templates there is nothing else. A status is judged by rules of its own.
        if (!required.has(path.at(-1) ?? "") || path.length > (path.includes("template") ? 4 : 6) || path[0] === "status") continue;
        const body = without(golden, path) as object;
        expect(() => [causesOf(definition, body), causesOf(definition, body, golden)], `${definition.kind} without ${path.join(".")}`).not.toThrow();
      }
    }
  });
});

function goldenOf({ group, version, kind }: ResourceDefinition): KubeObject | undefined {
  const file = new URL(`../resources/golden/${group === "" ? "core" : group}.${version}.${kind}.json`, import.meta.url);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as KubeObject) : undefined; // written by Kubernetes itself
}

function pathsOf(value: unknown): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => [[key], ...pathsOf(child).map((path) => [key, ...path])]);
}

function without(value: unknown, [key = "", ...rest]: readonly string[]): unknown {
  if (Array.isArray(value))
    return rest.length === 0 ? value.filter((_item, index) => String(index) !== key) : value.map((item: unknown, index) => (String(index) === key ? without(item, rest) : item));
  const { [key]: child, ...others } = value as Readonly<Record<string, unknown>>; // a path leads through lists and objects only
  return rest.length === 0 ? others : { ...others, [key]: without(child, rest) };
}

test("a key that would change the prototype is refused before any rule looks at its value", () => {
  const body = JSON.parse('{"metadata":{"name":"m"},"data":{"__proto__":-1}}') as object;
  expect(() => decodeObject(configMapResource as unknown as ResourceDefinition, body)).toThrow(StatusError);
  expect(() => decodeObject(configMapResource as unknown as ResourceDefinition, JSON.parse('{"data":{"__proto__":"x"}}'))).toThrow("may not be used as a key");
});
