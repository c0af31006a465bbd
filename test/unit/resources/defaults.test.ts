import { describe, expect, it } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { decodeObject } from "../../../engine/registry/decode-object.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { statefulSetResource } from "../../../engine/resources/apps/stateful-set.ts";
import { cronJobResource } from "../../../engine/resources/batch/cron-job.ts";
import { jobResource } from "../../../engine/resources/batch/job.ts";
import { catalog } from "../../../engine/resources/catalog.ts";
import { eventResource } from "../../../engine/resources/core/event.ts";
import { limitRangeResource } from "../../../engine/resources/core/limit-range.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import { podResource, qosClass } from "../../../engine/resources/core/pod.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import { serviceResource } from "../../../engine/resources/core/service.ts";
import { resourceSliceResource } from "../../../engine/resources/device/resource-slice.ts";
import { csiNodeResource } from "../../../engine/resources/storage/csi-node.ts";
import { volumeAttachmentResource } from "../../../engine/resources/storage/volume-attachment.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";
import type { PodSpec } from "../../../engine/resources/types.ts";

function decode<T extends KubeObject>(definition: ResourceDefinition<T>, body: object): T {
  const { object, schemaErrors } = decodeObject(definition, body);
  expect(schemaErrors).toEqual([]);
  return object;
}

const DIGEST = `sha256:${"0a".repeat(32)}`;
const podSpec = (container: object, spec: object = {}) => decode(podResource, { metadata: { name: "web" }, spec: { containers: [{ name: "main", image: "web:1", ...container }], ...spec } }).spec;

describe("defaults", () => {
  it("complete a pod as upstream completes it", () => {
    expect(podSpec({})).toEqual({
      containers: [{ name: "main", image: "web:1", imagePullPolicy: "IfNotPresent", resources: {}, terminationMessagePath: "/dev/termination-log", terminationMessagePolicy: "File" }],
      dnsPolicy: "ClusterFirst",
      enableServiceLinks: true,
      restartPolicy: "Always",
      schedulerName: "default-scheduler",
      securityContext: {},
      terminationGracePeriodSeconds: 30,
    });
  });

  it("complete a Deployment as upstream completes it", () => {
    const { spec } = decode(deploymentResource, {
      metadata: { name: "web" },
      spec: { selector: { matchLabels: { app: "web" } }, template: { spec: { containers: [{ name: "main", image: "web" }] } } },
    });
    expect(spec).toMatchObject({ replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600, strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } } });
    expect(spec.template.spec?.containers[0]?.imagePullPolicy).toBe("Always");
  });

  it("say nothing in a StatefulSet of how many may be missing during an update", () => {
    const { spec } = decode(statefulSetResource, { metadata: { name: "db" }, spec: { selector: { matchLabels: { app: "db" } }, template: { spec: { containers: [{ name: "main", image: "db" }] } } } });
    expect(spec.updateStrategy).toEqual({ type: "RollingUpdate", rollingUpdate: { partition: 0 } });
    const named = decode(statefulSetResource, { metadata: { name: "db" }, spec: { updateStrategy: { type: "RollingUpdate" }, selector: { matchLabels: { app: "db" } }, template: {} } });
    expect(named.spec.updateStrategy).toEqual({ type: "RollingUpdate" });
    expect(named.spec.template.metadata).toEqual({});
  });

  it("complete a Service as upstream completes it", () => {
    expect(decode(serviceResource, { metadata: { name: "web" }, spec: { ports: [{ port: 80 }] } }).spec).toEqual({
      internalTrafficPolicy: "Cluster",
      ports: [{ port: 80, protocol: "TCP", targetPort: 80 }],
      sessionAffinity: "None",
      type: "ClusterIP",
    });
    expect(decode(serviceResource, { metadata: { name: "web" }, spec: { type: "LoadBalancer", ports: [{ port: 80 }] } }).spec).toMatchObject({
      allocateLoadBalancerNodePorts: true,
      externalTrafficPolicy: "Cluster",
    });
    expect(decode(serviceResource, { metadata: { name: "web" }, spec: { externalIPs: ["192.0.2.1"], ports: [{ port: 80 }] } }).spec).toMatchObject({ externalTrafficPolicy: "Cluster" });
    expect(decode(serviceResource, { metadata: { name: "web" }, spec: { sessionAffinity: "ClientIP", ports: [{ port: 80 }] } }).spec?.sessionAffinityConfig).toEqual({
      clientIP: { timeoutSeconds: 10_800 },
    });
    expect(
      decode(serviceResource, { metadata: { name: "web" }, spec: { sessionAffinity: "None", sessionAffinityConfig: { clientIP: { timeoutSeconds: 5 } }, ports: [{ port: 80 }] } }).spec,
    ).not.toHaveProperty("sessionAffinityConfig.clientIP");
  });

  it.each([
    ["web", "Always"],
    ["web:latest", "Always"],
    ["registry:5000/web", "Always"],
    ["registry:5000/web:1", "IfNotPresent"],
    [`web@${DIGEST}`, "IfNotPresent"],
    [`web:latest@${DIGEST}`, "Always"],
    ["ko://example.com/web", "IfNotPresent"],
    ["Registry.example.com/web", "Always"],
    ["registry.example.com/Web", "IfNotPresent"],
  ])("pull %s %s", (image, expected) => {
    expect(podSpec({ image }).containers[0]?.imagePullPolicy).toBe(expected);
  });

  it("request what is limited, unless something else is requested", () => {
    expect(podSpec({ resources: { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "100m" } } }).containers[0]?.resources?.requests).toEqual({ cpu: "100m", memory: "1Gi" });
  });

  it("complete a probe and its handler", () => {
    const probe = podSpec({ livenessProbe: { httpGet: { port: 80 } } }).containers[0]?.livenessProbe;
    expect(probe).toEqual({ httpGet: { path: "/", port: 80, scheme: "HTTP" }, timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 });
  });

  it("give files of volumes their mode, host paths their type, and a volume without a source an empty folder", () => {
    const volumes = [
      { name: "a", configMap: { name: "c" } },
      { name: "b", hostPath: { path: "/" } },
      { name: "c" },
      { name: "d", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } },
    ];
    expect(podSpec({}, { volumes }).volumes).toEqual([
      { name: "a", configMap: { name: "c", defaultMode: 420 } },
      { name: "b", hostPath: { path: "/", type: "" } },
      { name: "c", emptyDir: {} },
      { name: "d", projected: { defaultMode: 420, sources: [{ serviceAccountToken: { path: "token", expirationSeconds: 3600 } }] } },
    ]);
  });

  it("bind container ports to the same ports of the node on its own network", () => {
    expect(podSpec({ ports: [{ containerPort: 80 }] }, { hostNetwork: true }).containers[0]?.ports).toEqual([{ containerPort: 80, hostPort: 80, protocol: "TCP" }]);
  });

  it("leave to the pod what only a pod has, and to the Job what only a Job has", () => {
    const spec = { hostNetwork: true, restartPolicy: "Never", containers: [{ name: "main", image: "web:1", ports: [{ containerPort: 80 }], resources: { limits: { cpu: "1" } } }] };
    const { template } = decode(deploymentResource, { metadata: { name: "d" }, spec: { selector: {}, template: { spec } } }).spec;
    expect(template.spec?.containers).toMatchObject([{ imagePullPolicy: "IfNotPresent" }]);
    expect(template.spec?.containers[0]).toMatchObject({ ports: [{ containerPort: 80, protocol: "TCP" }], resources: { limits: { cpu: "1" } } });
    expect(template.spec?.containers[0]?.ports?.[0]).not.toHaveProperty("hostPort");
    expect(template.spec?.containers[0]?.resources).not.toHaveProperty("requests");
    const { jobTemplate } = decode(cronJobResource, { metadata: { name: "c" }, spec: { schedule: "@daily", jobTemplate: { spec: { template: { spec } } } } }).spec;
    expect(Object.keys(jobTemplate.spec ?? {})).toEqual(["template"]);
    expect(jobTemplate.spec?.template.spec).toMatchObject({ dnsPolicy: "ClusterFirst", containers: [{ terminationMessagePolicy: "File" }] });
    expect(decode(jobResource, { metadata: { name: "j" }, spec: { template: { spec } } }).spec).toMatchObject({
      completions: 1,
      parallelism: 1,
      completionMode: "NonIndexed",
      suspend: false,
      manualSelector: false,
      backoffLimit: 6,
      podReplacementPolicy: "TerminatingOrFailed",
    });
  });

  it("give a StatefulSet and an Event the empty texts that readers find there", () => {
    expect(decode(statefulSetResource, { metadata: { name: "s" }, spec: { selector: {}, template: {} } }).spec.serviceName).toBe("");
    expect(decode(eventResource, { metadata: { name: "e" }, involvedObject: {} })).toMatchObject({ reportingComponent: "", reportingInstance: "" });
  });

  it("keep the old and the new name of the service account equal", () => {
    expect(podSpec({}, { serviceAccount: "a" })).toMatchObject({ serviceAccount: "a", serviceAccountName: "a" });
  });

  it("label a namespace with its name and protect it by a finalizer", () => {
    const namespace = decode(namespaceResource, { metadata: { name: "shop" } });
    expect(namespace.metadata.labels).toEqual({ "kubernetes.io/metadata.name": "shop" });
    expect(namespaceResource.strategy.prepareForCreate?.(namespace)).toMatchObject({ spec: { finalizers: ["kubernetes"] }, status: { phase: "Active" } });
  });

  it("encode a Secret's text and never keep it", () => {
    expect(decode(secretResource, { metadata: { name: "s" }, data: { a: "eA==", b: "eA==" }, stringData: { b: "y" } })).toEqual({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "s" },
      type: "Opaque",
      data: { a: "eA==", b: "eQ==" },
    });
  });

  it("let a node allocate its capacity, and say its address range in both fields", () => {
    expect(decode(nodeResource, { metadata: { name: "n" }, spec: { podCIDR: "10.0.0.0/24" }, status: { capacity: { cpu: "4" } } })).toMatchObject({
      spec: { podCIDRs: ["10.0.0.0/24"] },
      status: { allocatable: { cpu: "4" } },
    });
  });

  it("take what Go's zero is for as said, where upstream asks for no more", () => {
    expect(decodeObject(csiNodeResource, { metadata: { name: "n" }, spec: { drivers: null } }).schemaErrors).toEqual([]);
    expect(decodeObject(limitRangeResource, { metadata: { name: "r" }, spec: {} }).schemaErrors).toEqual([]);
    expect(decodeObject(volumeAttachmentResource, { metadata: { name: "a" }, spec: { attacher: "d", nodeName: "n", source: { persistentVolumeName: "p" } }, status: {} })).toMatchObject({
      schemaErrors: [],
      object: { status: { attached: false } },
    });
    expect(decodeObject(resourceSliceResource, { metadata: { name: "s" }, spec: { driver: "d", nodeName: "n", pool: { name: "p", resourceSliceCount: 1 } } })).toMatchObject({
      schemaErrors: [],
      object: { spec: { pool: { generation: 0 } } },
    });
  });

  it("change nothing when they run again, for any kind", () => {
    const bodies: Readonly<Record<string, object>> = {
      Pod: { spec: { containers: [{ name: "main", image: "web" }], volumes: [{ name: "a" }] } },
      Deployment: { spec: { selector: { matchLabels: { app: "web" } }, template: { spec: { containers: [{ name: "main", image: "web" }] } } } },
      ReplicaSet: { spec: { selector: { matchLabels: { app: "web" } }, template: { spec: { containers: [{ name: "main", image: "web" }] } } } },
      StatefulSet: {
        spec: { selector: { matchLabels: { app: "web" } }, template: { spec: { containers: [{ name: "main", image: "web" }] } }, volumeClaimTemplates: [{ metadata: { name: "data" }, spec: {} }] },
      },
      DaemonSet: { spec: { selector: { matchLabels: { app: "web" } }, template: { spec: { containers: [{ name: "main", image: "web" }] } } } },
      ControllerRevision: { data: {}, revision: 1 },
      ReplicationController: { spec: { template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "main", image: "web" }] } } } },
      PodTemplate: { template: { spec: { containers: [{ name: "main", image: "web" }] } } },
      Job: { spec: { template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "main", image: "web" }] } } } },
      CronJob: { spec: { schedule: "@daily", jobTemplate: { spec: { template: { spec: { containers: [{ name: "main", image: "web" }] } } } } } },
      CustomResourceDefinition: { spec: { group: "example.com", scope: "Namespaced", names: { plural: "tabs", kind: "Tab" }, versions: [{ name: "v1", served: true, storage: true }] } },
      APIService: { spec: { group: "example.com", version: "v1", groupPriorityMinimum: 1, versionPriority: 1 } },
      PriorityClass: { value: 7 },
      HorizontalPodAutoscaler: { spec: { scaleTargetRef: { kind: "Deployment", name: "web" }, maxReplicas: 3 } },
      Service: { spec: { ports: [{ port: 80 }] } },
      EndpointSlice: { addressType: "IPv4", endpoints: [] },
      "/Event": { involvedObject: {} },
      "events.k8s.io/Event": { deprecatedSource: { component: "kubelet" } },
      Endpoints: { subsets: [{ addresses: [{ ip: "10.0.0.1" }], ports: [{ port: 80 }] }] },
      Ingress: { spec: { rules: [{ http: { paths: [{ pathType: "Prefix", path: "/", backend: { service: { name: "web", port: { number: 80 } } } }] } }] } },
      IngressClass: { spec: { controller: "example.com/ingress", parameters: { kind: "Settings", name: "main" } } },
      NetworkPolicy: { spec: { egress: [{ ports: [{ port: 53 }] }] } },
      IPAddress: { spec: { parentRef: { resource: "services", namespace: "shop", name: "web" } } },
      ServiceCIDR: { spec: { cidrs: ["10.96.0.0/16"] } },
      RuntimeClass: { handler: "runc" },
      FlowSchema: { spec: { priorityLevelConfiguration: { name: "low" } } },
      PriorityLevelConfiguration: { spec: { type: "Limited", limited: { limitResponse: { type: "Queue", queuing: {} } } } },
      RoleBinding: { roleRef: { kind: "Role", name: "r" }, subjects: [{ kind: "User", name: "u" }] },
      ClusterRoleBinding: { roleRef: { kind: "ClusterRole", name: "r" }, subjects: [{ kind: "ServiceAccount", name: "s", namespace: "n" }] },
      LimitRange: { spec: { limits: [{ type: "Container", max: { cpu: "2" }, min: { memory: "1Mi" } }] } },
      StorageClass: { provisioner: "example.com/disks" },
      VolumeAttachment: { spec: { attacher: "disks.example.com", nodeName: "n1", source: { persistentVolumeName: "v" } } },
      CSIDriver: { spec: {} },
      CSINode: { spec: { drivers: [] } },
      CSIStorageCapacity: { storageClassName: "fast" },
      VolumeAttributesClass: { driverName: "disks.example.com", parameters: { iops: "100" } },
      DeviceClass: { spec: {} },
      ResourceClaim: { spec: { devices: { requests: [{ name: "gpu", exactly: { deviceClassName: "gpu" } }] } } },
      ResourceClaimTemplate: { spec: { spec: { devices: { requests: [{ name: "gpu", exactly: { deviceClassName: "gpu" } }] } } } },
      ResourceSlice: { spec: { driver: "gpu.example.com", nodeName: "n1", pool: { name: "n1", generation: 1, resourceSliceCount: 1 } } },
      CertificateSigningRequest: { spec: { request: "", signerName: "example.com/signer", usages: ["any"] } },
      ValidatingAdmissionPolicy: { spec: { matchConstraints: { resourceRules: [{ operations: ["*"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] }] } } },
      ValidatingAdmissionPolicyBinding: { spec: { policyName: "p", validationActions: ["Deny"], paramRef: { name: "n" } } },
      MutatingAdmissionPolicy: { spec: { matchConstraints: {} } },
      MutatingAdmissionPolicyBinding: { spec: { policyName: "p" } },
      MutatingWebhookConfiguration: { webhooks: [{ name: "a.b.c", sideEffects: "None", admissionReviewVersions: ["v1"], clientConfig: { service: { namespace: "n", name: "s" } }, rules: [{}] }] },
    };
    for (const definition of catalog) {
      const once = decode(definition, { metadata: { name: "web" }, ...(bodies[definition.kind] ?? bodies[`${definition.group}/${definition.kind}`]) });
      expect(decode(definition, once), definition.kind).toStrictEqual(once);
    }
  });
});

describe("a pod's quality of service", () => {
  const spec = (...resources: object[]): PodSpec => ({ containers: resources.map((value, index) => ({ name: `c${index}`, image: "web", resources: value })) });
  it.each([
    ["BestEffort without requests and limits", spec({}), "BestEffort"],
    ["BestEffort with zeros", spec({ requests: { cpu: "0" } }), "BestEffort"],
    ["Guaranteed when all limits equal the requests, however they are written", spec({ limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "1000m", memory: "1024Mi" } }), "Guaranteed"],
    ["Burstable when one container has less", spec({ limits: { cpu: "1", memory: "1Gi" } }, {}), "Burstable"],
    ["Burstable when memory has no limit", spec({ limits: { cpu: "1" } }), "Burstable"],
  ])("is %s", (_what, object, expected) => {
    expect(qosClass(object)).toBe(expected);
  });
});
