import { describe, expect, it } from "vitest";
import type { FieldError } from "../../../engine/apimachinery/field-error.ts";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { beforeCreate } from "../../../engine/registry/before-create.ts";
import { beforeUpdate } from "../../../engine/registry/before-update.ts";
import { decodeObject } from "../../../engine/registry/decode-object.ts";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { replicaSetResource } from "../../../engine/resources/apps/replica-set.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { eventResource } from "../../../engine/resources/core/event.ts";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import { serviceResource } from "../../../engine/resources/core/service.ts";
import { leaseResource } from "../../../engine/resources/coordination/lease.ts";
import { endpointSliceResource } from "../../../engine/resources/discovery/endpoint-slice.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";
import type { Service } from "../../../engine/resources/types.ts";

const nowText = "2026-08-22T10:31:00Z";

/** The object as the API would store it; throws what the API would answer. */
function create<T extends KubeObject>(definition: ResourceDefinition<T>, body: object): T {
  const metadata = { name: "web", ...(definition.namespaced ? { namespace: "shop" } : {}), ...(body as { metadata?: object }).metadata };
  const { object, schemaErrors } = decodeObject(definition, { ...body, metadata });
  if (schemaErrors.length > 0) throw new Problems(schemaErrors);
  return beforeCreate(definition, object, { nowText, random: seededRandom(1) });
}

function update<T extends KubeObject>(definition: ResourceDefinition<T>, old: T, change: (object: T) => object): T {
  const { object, schemaErrors } = decodeObject(definition, change({ ...old, metadata: { ...old.metadata, resourceVersion: "7" } }));
  if (schemaErrors.length > 0) throw new Problems(schemaErrors);
  return beforeUpdate(definition, object, { ...old, metadata: { ...old.metadata, resourceVersion: "7" } }, undefined);
}

class Problems extends Error {
  readonly errors: readonly FieldError[];
  constructor(errors: readonly FieldError[]) {
    super("the shape is wrong");
    this.errors = errors;
  }
}

/** `field: message` of each problem, in order. */
function problems(run: () => unknown): string[] {
  try {
    run();
    return [];
  } catch (error) {
    if (error instanceof Problems) return error.errors.map((one) => `${one.field}: ${one.message}`);
    if (error instanceof StatusError) return (error.status.details?.causes ?? [{ field: "", message: error.message }]).map((cause) => `${cause.field}: ${cause.message}`);
    throw error;
  }
}

const container = (more: object = {}) => ({ name: "main", image: "example/web:1", ...more });
const pod = (spec: object = {}) => ({ spec: { containers: [container()], ...spec } });
const withContainer = (more: object) => pod({ containers: [container(more)] });
const template = (spec: object = {}) => ({ metadata: { labels: { app: "web" } }, spec: { containers: [container()], ...spec } });
const deployment = (spec: object = {}) => ({ spec: { selector: { matchLabels: { app: "web" } }, template: template(), ...spec } });

describe("a pod is refused when", () => {
  it.each<[string, object, string[]]>([
    ["it has no containers", pod({ containers: [] }), ["spec.containers: Required value"]],
    [
      "a container's name breaks the rules",
      withContainer({ name: "Main_1" }),
      [expect.stringMatching(/^spec\.containers\[0\]\.name: Invalid value: "Main_1": a lowercase RFC 1123 label/) as unknown as string],
    ],
    ["two containers share a name", pod({ containers: [container(), container()] }), ['spec.containers[1].name: Duplicate value: "main"']],
    ["an init container is called like another one", pod({ initContainers: [container()] }), ['spec.initContainers[0].name: Duplicate value: "main"']],
    ["a container has no image", withContainer({ image: "" }), ["spec.containers[0].image: Required value"]],
    ["an image has spaces around it", withContainer({ image: " web" }), ['spec.containers[0].image: Invalid value: " web": must not have leading or trailing whitespace']],
    [
      "a request is above its limit",
      withContainer({ resources: { requests: { cpu: "2" }, limits: { cpu: "1500m" } } }),
      ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1500m'],
    ],
    [
      "an amount is negative",
      withContainer({ resources: { requests: { memory: "-1Mi" } } }),
      ['spec.containers[0].resources.requests[memory]: Invalid value: "-1Mi": must be greater than or equal to 0'],
    ],
    [
      "half a device is asked for",
      withContainer({ resources: { limits: { "example.com/gpu": "500m" } } }),
      [
        'spec.containers[0].resources.limits[example.com/gpu]: Invalid value: "500m": must be an integer',
        'spec.containers[0].resources.requests[example.com/gpu]: Invalid value: "500m": must be an integer',
      ],
    ],
    [
      "a device is requested without a limit",
      withContainer({ resources: { requests: { "example.com/gpu": "1" } } }),
      ["spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources"],
    ],
    ["a mount names no volume", withContainer({ volumeMounts: [{ name: "data", mountPath: "/data" }] }), ['spec.containers[0].volumeMounts[0].name: Not found: "data"']],
    [
      "two mounts have one place",
      pod({
        volumes: [{ name: "a" }, { name: "b" }],
        containers: [
          container({
            volumeMounts: [
              { name: "a", mountPath: "/x" },
              { name: "b", mountPath: "/x" },
            ],
          }),
        ],
      }),
      ['spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/x": must be unique'],
    ],
    [
      "a mount leaves its volume",
      pod({ volumes: [{ name: "a" }], containers: [container({ volumeMounts: [{ name: "a", mountPath: "/x", subPath: "../y" }] })] }),
      [`spec.containers[0].volumeMounts.subPath: Invalid value: "../y": must not contain '..'`],
    ],
    ["a volume has two sources", pod({ volumes: [{ name: "a", emptyDir: {}, hostPath: { path: "/" } }] }), ["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"]],
    ["a ConfigMap volume names none", pod({ volumes: [{ name: "a", configMap: {} }] }), ["spec.volumes[0].configMap.name: Required value"]],
    [
      "a file of a volume has an absolute path",
      pod({ volumes: [{ name: "a", configMap: { name: "c", items: [{ key: "k", path: "/k" }] } }] }),
      ['spec.volumes[0].configMap.items[0].path: Invalid value: "/k": must be a relative path'],
    ],
    [
      "a token would live too short",
      pod({ serviceAccountName: "web", volumes: [{ name: "a", projected: { sources: [{ serviceAccountToken: { path: "token", expirationSeconds: 60 } }] } }] }),
      ["spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes"],
    ],
    ["a probe has no handler", withContainer({ livenessProbe: {} }), ["spec.containers[0].livenessProbe: Required value: must specify a handler type"]],
    [
      "a liveness probe wants two successes",
      withContainer({ livenessProbe: { exec: { command: ["true"] }, successThreshold: 2 } }),
      ["spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"],
    ],
    [
      "a probe's port is no port",
      withContainer({ readinessProbe: { tcpSocket: { port: 0 } } }),
      ["spec.containers[0].readinessProbe.tcpSocket.port: Invalid value: 0: must be between 1 and 65535, inclusive"],
    ],
    [
      "an ordinary init container has a probe",
      pod({ initContainers: [container({ name: "init", livenessProbe: { exec: { command: ["true"] } } })] }),
      ["spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always"],
    ],
    [
      "a variable has a value and a source",
      withContainer({ env: [{ name: "A", value: "x", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }] }),
      ['spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty'],
    ],
    [
      "a variable takes an unknown field",
      withContainer({ env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "spec.foo" } } }] }),
      ['spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.foo": error converting fieldPath: field label not supported: spec.foo'],
    ],
    [
      "a port's name is too long",
      withContainer({ ports: [{ containerPort: 80, name: "a-name-of-sixteen" }] }),
      ['spec.containers[0].ports[0].name: Invalid value: "a-name-of-sixteen": must be no more than 15 characters'],
    ],
    ["a port is no port", withContainer({ ports: [{ containerPort: 70_000 }] }), ["spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive"]],
    [
      "two containers want one port of the node",
      pod({ containers: [container({ ports: [{ containerPort: 80, hostPort: 8080 }] }), container({ name: "b", ports: [{ containerPort: 81, hostPort: 8080 }] })] }),
      ['spec.containers[1].ports[0].hostPort: Duplicate value: "TCP//8080"'],
    ],
    ["the restart policy is unknown", pod({ restartPolicy: "Sometimes" }), ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"']],
    [
      "a toleration without a key compares",
      pod({ tolerations: [{ operator: "Equal", value: "x" }] }),
      ['spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"'],
    ],
    [
      "a requirement has no values",
      pod({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: "zone", operator: "In" }] }] } } } }),
      [
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
      ],
    ],
    [
      "name servers are to be its own, and there are none",
      pod({ dnsPolicy: "None", dnsConfig: {} }),
      ["spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None"],
    ],
    [
      "a user id is out of range",
      withContainer({ securityContext: { runAsUser: -1 } }),
      ["spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive"],
    ],
  ])("%s", (_when, body, expected) => {
    expect(problems(() => create(podResource, body))).toEqual(expected);
  });
});

describe("a pod is accepted although", () => {
  it("a variable is named twice, with a warning", () => {
    const stored = create(
      podResource,
      withContainer({
        env: [
          { name: "A", value: "1" },
          { name: "A", value: "2" },
        ],
      }),
    );
    expect(podResource.strategy.warnings?.(stored)).toEqual(['spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply']);
  });
});

describe("an update of a pod", () => {
  const stored = create(podResource, pod({ tolerations: [{ key: "a", operator: "Exists" }], activeDeadlineSeconds: 60 }));

  it("may change images, add tolerations and shorten the deadline", () => {
    const next = update(podResource, stored, (old) => ({
      ...old,
      spec: {
        ...old.spec,
        containers: [{ ...old.spec.containers[0], image: "example/web:2" }],
        tolerations: [...(old.spec.tolerations ?? []), { key: "b", operator: "Exists" }],
        activeDeadlineSeconds: 30,
      },
    }));
    expect(next.spec.containers[0]?.image).toBe("example/web:2");
    expect(next.metadata.generation).toBe(2);
  });

  it.each<[string, (spec: typeof stored.spec) => object, string]>([
    ["may not change a command", (spec) => ({ ...spec, containers: [{ ...spec.containers[0], command: ["sh"] }] }), "spec: Forbidden: pod updates may not change fields other than"],
    [
      "may not add a container",
      (spec) => ({ ...spec, containers: [...spec.containers, { ...spec.containers[0], name: "b" }] }),
      "spec.containers: Forbidden: pod updates may not add or remove containers",
    ],
    ["may not take a toleration away", (spec) => ({ ...spec, tolerations: [] }), "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"],
    ["may not lengthen the deadline", (spec) => ({ ...spec, activeDeadlineSeconds: 61 }), "spec.activeDeadlineSeconds: Invalid value: 61: must be less than or equal to previous value"],
    [
      "may not set a scheduling gate",
      (spec) => ({ ...spec, schedulingGates: [{ name: "wait" }] }),
      "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'wait'",
    ],
  ])("%s", (_what, change, expected) => {
    expect(problems(() => update(podResource, stored, (old) => ({ ...old, spec: change(old.spec) })))[0]).toContain(expected);
  });

  it("may narrow the nodes of a gated pod, never widen them", () => {
    const gated = create(podResource, pod({ schedulingGates: [{ name: "wait" }], nodeSelector: { zone: "a" } }));
    expect(problems(() => update(podResource, gated, (old) => ({ ...old, spec: { ...old.spec, nodeSelector: { zone: "a", disk: "ssd" } } })))).toEqual([]);
    expect(problems(() => update(podResource, gated, (old) => ({ ...old, spec: { ...old.spec, nodeSelector: {} } })))).toEqual([
      "spec.nodeSelector: Invalid value: {}: only additions are allowed to spec.nodeSelector (no mutations or deletions)",
    ]);
  });
});

describe("a pod's grace period", () => {
  const running = { ...create(podResource, pod({ nodeName: "n1" })), status: { phase: "Running" } };
  it.each([
    ["is what was asked for", running, 5, 5],
    ["is the pod's own when nothing was asked for", running, undefined, 30],
    ["is a second when a negative one is asked for", running, -1, 1],
    ["is nothing before the pod has a node", { ...running, spec: { ...running.spec, nodeName: undefined } }, 5, 0],
    ["is nothing when the pod has ended", { ...running, status: { phase: "Failed" } }, undefined, 0],
  ])("%s", (_what, object, asked, expected) => {
    expect(podResource.strategy.gracePeriodSeconds?.(object, asked)).toBe(expected);
  });
});

describe("a workload is refused when", () => {
  it.each<[string, object, string[]]>([
    [
      "its selector does not match its template",
      deployment({ selector: { matchLabels: { app: "api" } } }),
      ['spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`'],
    ],
    ["its selector is empty", deployment({ selector: {} }), ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"]],
    ["replicas are negative", deployment({ replicas: -1 }), ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]],
    [
      "a template's pods would not be restarted",
      deployment({ template: template({ restartPolicy: "Never" }) }),
      ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ],
    [
      "nothing may change during an update",
      deployment({ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }),
      ["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"],
    ],
    [
      "Recreate has bounds",
      deployment({ strategy: { type: "Recreate", rollingUpdate: { maxSurge: 1 } } }),
      ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    ],
    [
      "its deadline comes before anything can be available",
      deployment({ minReadySeconds: 60, progressDeadlineSeconds: 60 }),
      ["spec.progressDeadlineSeconds: Invalid value: 60: must be greater than minReadySeconds"],
    ],
    ["a template's container is wrong", deployment({ template: template({ containers: [container({ image: "" })] }) }), ["spec.template.spec.containers[0].image: Required value"]],
  ])("%s", (_when, body, expected) => {
    expect(problems(() => create(deploymentResource, body))).toEqual(expected);
  });

  it("an update gives a Deployment or ReplicaSet another selector", () => {
    const stored = create(deploymentResource, deployment());
    const change = { spec: { ...stored.spec, selector: { matchLabels: { tier: "x" } }, template: { ...stored.spec.template, metadata: { labels: { tier: "x" } } } } };
    expect(problems(() => update(deploymentResource, stored, (old) => ({ ...old, ...change })))).toEqual(['spec.selector: Invalid value: {"matchLabels":{"tier":"x"}}: field is immutable']);
    const set = create(replicaSetResource, deployment());
    expect(problems(() => update(replicaSetResource, set, (old) => ({ ...old, ...change })))[0]).toContain("spec.selector: Invalid value");
  });
});

describe("a Service", () => {
  const service = (spec: object) => ({ spec: { ports: [{ port: 80 }], ...spec } });
  it.each<[string, object, string[]]>([
    ["needs ports", service({ ports: [] }), ["spec.ports: Required value"]],
    ["without an address may have none", service({ ports: [], clusterIP: "None", clusterIPs: ["None"] }), []],
    [
      "needs numbers of ports, and a protocol that there is",
      service({
        ports: [
          { name: "a", port: 80 },
          { name: "a", protocol: "IP" },
        ],
      }),
      [
        'spec.ports[1].name: Duplicate value: "a"',
        "spec.ports[1].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        'spec.ports[1].protocol: Unsupported value: "IP": supported values: "SCTP", "TCP", "UDP"',
        "spec.ports[1].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
      ],
    ],
    ["needs names for several ports", service({ ports: [{ port: 80 }, { port: 81 }] }), ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"]],
    [
      "has each port once",
      service({
        ports: [
          { name: "a", port: 80 },
          { name: "b", port: 80 },
        ],
      }),
      ['spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}'],
    ],
    ["inside the cluster has no ports on nodes", service({ ports: [{ port: 80, nodePort: 30_080 }] }), ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"]],
    [
      "on nodes has an address",
      service({ type: "NodePort", clusterIP: "None", clusterIPs: ["None"] }),
      ["spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"],
    ],
    [
      "that stands for a name has neither addresses nor families",
      { spec: { type: "ExternalName", externalName: "example.com", clusterIP: "10.96.0.7", clusterIPs: ["10.96.0.7"], ipFamilies: ["IPv4"], ipFamilyPolicy: "SingleStack" } },
      ["clusterIPs", "ipFamilies", "ipFamilyPolicy"].map((field) => `spec.${field}: Forbidden: may not be set for ExternalName services`),
    ],
    ["that stands for a name needs the name", { spec: { type: "ExternalName" } }, ["spec.externalName: Required value"]],
    [
      "without a way in from outside has no policy for it",
      service({ externalTrafficPolicy: "Local" }),
      ['spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'],
    ],
  ])("%s", (_what, body, expected) => {
    expect(problems(() => create(serviceResource, body))).toEqual(expected);
  });

  it("may have a name that begins with a digit", () => {
    const named = (name: string) => problems(() => create(serviceResource, { metadata: { name, namespace: "shop" }, ...service({}) }));
    expect(named("1web")).toEqual([]);
    expect(named("web.1")).toHaveLength(1);
  });

  const allocated = create(serviceResource, service({ type: "NodePort" }));
  const stored: Service = { ...allocated, spec: { ...allocated.spec, clusterIP: "10.96.0.7", clusterIPs: ["10.96.0.7"], ports: [{ port: 80, protocol: "TCP", targetPort: 80, nodePort: 30_080 }] } };

  it("loses its ports on the nodes with its type", () => {
    const next = update(serviceResource, stored, (old) => ({ ...old, spec: { ...old.spec, type: "ClusterIP" } }));
    expect(next.spec?.ports).toEqual([{ port: 80, protocol: "TCP", targetPort: 80 }]);
    expect(next.spec?.externalTrafficPolicy).toBeUndefined();
    expect(next.spec?.clusterIP).toBe("10.96.0.7");
  });

  it("loses its address when it becomes a name", () => {
    const next = update(serviceResource, stored, (old) => ({ ...old, spec: { ...old.spec, type: "ExternalName", externalName: "db.example.com" } }));
    expect(next.spec?.clusterIP).toBeUndefined();
    expect(next.spec?.internalTrafficPolicy).toBeUndefined();
    expect(next.spec?.ports?.[0]?.nodePort).toBeUndefined();
  });

  it("never changes its address", () => {
    const change = (old: Service) => ({ ...old, spec: { ...old.spec, clusterIP: "10.96.0.8", clusterIPs: ["10.96.0.8"] } });
    expect(problems(() => update(serviceResource, stored, change))).toEqual(['spec.clusterIPs[0]: Invalid value: ["10.96.0.8"]: may not change once set']);
  });
});

describe("other kinds are refused when", () => {
  it.each<[string, ResourceDefinition<never>, object, string[]]>([
    [
      "a ConfigMap's key is a path",
      configMapResource as never,
      { data: { "a/b": "" } },
      [expect.stringMatching(/^data\[a\/b\]: Invalid value: "a\/b": a valid config key must consist of/) as unknown as string],
    ],
    ["a key is text and bytes at once", configMapResource as never, { data: { a: "" }, binaryData: { a: "" } }, ['data[a]: Invalid value: "a": duplicate of key present in binaryData']],
    ["a TLS Secret has no key", secretResource as never, { type: "kubernetes.io/tls", data: { "tls.crt": "" } }, ["data[tls.key]: Required value"]],
    [
      "a registry Secret holds no JSON",
      secretResource as never,
      { type: "kubernetes.io/dockerconfigjson", stringData: { ".dockerconfigjson": "secret" } },
      ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": must be JSON'],
    ],
    [
      "a Node has a taint twice",
      nodeResource as never,
      {
        spec: {
          taints: [
            { key: "a", effect: "NoSchedule" },
            { key: "a", effect: "NoSchedule" },
          ],
        },
      },
      ['metadata.taints[1]: Duplicate value: {"key":"a","effect":"NoSchedule"}'],
    ],
    ["a Lease lasts no time", leaseResource as never, { spec: { leaseDurationSeconds: 0 } }, ["spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"]],
    ["an Event is not where its object is", eventResource as never, { involvedObject: { namespace: "other" } }, ['involvedObject.namespace: Invalid value: "other": does not match event.namespace']],
    [
      "a slice's address is of another family",
      endpointSliceResource as never,
      { addressType: "IPv4", endpoints: [{ addresses: ["fd00::1"] }] },
      ['endpoints[0].addresses: Invalid value: "fd00::1": must be an IPv4 address'],
    ],
  ])("%s", (_when, definition, body, expected) => {
    expect(problems(() => create(definition as unknown as ResourceDefinition, body))).toEqual(expected);
  });

  it("an immutable ConfigMap is changed", () => {
    const stored = create(configMapResource, { data: { a: "1" }, immutable: true });
    expect(problems(() => update(configMapResource, stored, (old) => ({ ...old, data: { a: "2" } })))).toEqual(["data: Forbidden: field is immutable when `immutable` is set"]);
  });
});
