import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { catalog } from "../../../engine/resources/catalog.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import type { Pod } from "../../../engine/resources/types.ts";
import { humanDuration } from "../../../engine/resources/human-duration.ts";

const here = path.dirname(fileURLToPath(import.meta.url));
const now = Date.parse("2026-08-22T10:31:00Z");
const ago = (seconds: number) => new Date(now - seconds * 1000).toISOString();
const metadata = { name: "web", namespace: "shop", creationTimestamp: ago(3 * 3600 + 60) };

/** The row that `kubectl get -o wide` shows. */
function row(kind: string, object: object): unknown[] {
  const definition = catalog.find((candidate) => candidate.kind === kind) as ResourceDefinition;
  return definition.columns.map((column) => column.cell({ metadata, ...object } as unknown as KubeObject, now)); // complete for its columns
}

function pod(status: object, more: { spec?: object; metadata?: object } = {}): unknown[] {
  return row("Pod", { metadata: { ...metadata, ...more.metadata }, spec: { containers: [{ name: "a" }], nodeName: "n1", ...more.spec }, status: { podIP: "10.0.0.7", ...status } }).slice(1, 4);
}

const running = { running: { startedAt: ago(60) } };
const waiting = (reason: string) => ({ waiting: { reason } });
const ended = (exitCode: number, reason?: string) => ({ terminated: { exitCode, ...(reason === undefined ? {} : { reason }), finishedAt: ago(300) } });
const container = (state: object, more: object = {}) => ({ name: "a", ready: false, restartCount: 0, state, ...more });

describe("columns", () => {
  it("are those of a Kubernetes API server, for every kind that it has", () => {
    const recorded = JSON.parse(readFileSync(path.join(here, "table-columns.json"), "utf8")) as Record<string, readonly object[]>;
    for (const definition of catalog) {
      if (definition.group === "mainstay.dev") continue;
      const columns = definition.columns.map(({ name, type, format = "", priority = 0 }) => ({ name, type, format, priority }));
      expect(columns, definition.kind).toEqual(recorded[`${definition.group === "" ? "" : `${definition.group}/`}${definition.version}/${definition.resource}`]);
    }
  });

  it.each<[string, unknown[], unknown[]]>([
    ["runs and is ready", pod({ phase: "Running", containerStatuses: [container(running, { ready: true })] }), ["1/1", "Running", "0"]],
    ["waits for a node", pod({ phase: "Pending" }), ["0/1", "Pending", "0"]],
    ["waits behind a gate", pod({ phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }] }), ["0/1", "SchedulingGated", "0"]],
    [
      "crashes again and again",
      pod({ phase: "Running", containerStatuses: [container(waiting("CrashLoopBackOff"), { restartCount: 4, lastState: ended(1) })] }),
      ["0/1", "CrashLoopBackOff", "4 (5m ago)"],
    ],
    ["has an image that nobody can pull", pod({ phase: "Pending", containerStatuses: [container(waiting("ImagePullBackOff"))] }), ["0/1", "ImagePullBackOff", "0"]],
    ["ended badly without a reason", pod({ phase: "Failed", containerStatuses: [container(ended(3))] }), ["0/1", "ExitCode:3", "0"]],
    ["was killed by a signal", pod({ phase: "Failed", containerStatuses: [container({ terminated: { exitCode: 137, signal: 9 } })] }), ["0/1", "Signal:9", "0"]],
    ["has done its work", pod({ phase: "Succeeded", containerStatuses: [container(ended(0, "Completed"))] }), ["0/1", "Completed", "0"]],
    ["was evicted", pod({ phase: "Failed", reason: "Evicted" }), ["0/1", "Evicted", "0"]],
    ["is going", pod({ phase: "Running", containerStatuses: [container(running, { ready: true })] }, { metadata: { deletionTimestamp: ago(0) } }), ["1/1", "Terminating", "0"]],
    ["is on a lost node", pod({ phase: "Running", reason: "NodeLost" }, { metadata: { deletionTimestamp: ago(0) } }), ["0/1", "Unknown", "0"]],
    ["has ended and is being deleted", pod({ phase: "Failed", containerStatuses: [container(ended(1, "Error"))] }, { metadata: { deletionTimestamp: ago(0) } }), ["0/1", "Error", "0"]],
    [
      "runs its second init container",
      pod(
        { phase: "Pending", initContainerStatuses: [container(ended(0, "Completed")), container(waiting("PodInitializing"))], containerStatuses: [container(waiting("PodInitializing"))] },
        { spec: { initContainers: [{ name: "i" }, { name: "j" }] } },
      ),
      ["0/1", "Init:1/2", "0"],
    ],
    [
      "has an init container that fails",
      pod({ phase: "Pending", initContainerStatuses: [container(waiting("CrashLoopBackOff"), { restartCount: 2, lastState: ended(1) })] }, { spec: { initContainers: [{ name: "a" }] } }),
      ["0/1", "Init:CrashLoopBackOff", "2 (5m ago)"],
    ],
    [
      "forgets the restarts of init containers that are done",
      pod(
        {
          phase: "Running",
          conditions: [{ type: "Initialized", status: "True" }],
          initContainerStatuses: [container(ended(0, "Completed"), { restartCount: 2 })],
          containerStatuses: [container(running, { ready: true })],
        },
        { spec: { initContainers: [{ name: "i" }] } },
      ),
      ["1/1", "Running", "0"],
    ],
    [
      "counts its sidecar",
      pod(
        { phase: "Running", initContainerStatuses: [{ ...container(running, { ready: true, started: true }), name: "s" }], containerStatuses: [container(running, { ready: true })] },
        { spec: { initContainers: [{ name: "s", restartPolicy: "Always" }] } },
      ),
      ["2/2", "Running", "0"],
    ],
    [
      "has one of two containers done and is not ready",
      pod({ phase: "Running", containerStatuses: [container(ended(0, "Completed")), { ...container(running, { ready: true }), name: "b" }] }, { spec: { containers: [{ name: "a" }, { name: "b" }] } }),
      ["1/2", "NotReady", "0"],
    ],
  ])("show that a pod %s", (_what, cells, expected) => {
    expect(cells).toEqual(expected);
  });

  it.each([
    ["Running", undefined],
    ["Succeeded", [{ type: "Completed", status: "True", reason: "Succeeded", message: "The pod has completed successfully." }]],
    ["Failed", [{ type: "Completed", status: "True", reason: "Failed", message: "The pod failed." }]],
  ])("say of a row whether its pod is done: %s", (phase, expected) => {
    expect(podResource.rowConditions?.({ metadata, spec: { containers: [] }, status: { phase } } as unknown as Pod)).toEqual(expected); // complete for its row
  });

  it.each<[string, unknown, unknown]>([
    ["ConfigMap", row("ConfigMap", { data: { a: "" }, binaryData: { b: "" } }), ["web", 2, "3h1m"]],
    ["Secret", row("Secret", { type: "Opaque", data: { a: "" } }), ["web", "Opaque", 1, "3h1m"]],
    ["Namespace", row("Namespace", { status: { phase: "Active" } }), ["web", "Active", "3h1m"]],
    ["ServiceAccount", row("ServiceAccount", {}), ["web", "3h1m"]],
    ["Lease", row("Lease", { spec: { holderIdentity: "me" } }), ["web", "me", "3h1m"]],
    [
      "Deployment",
      row("Deployment", {
        spec: {
          replicas: 3,
          selector: { matchLabels: { app: "web" } },
          template: {
            spec: {
              containers: [
                { name: "a", image: "x" },
                { name: "b", image: "y" },
              ],
            },
          },
        },
        status: { readyReplicas: 2, updatedReplicas: 3, availableReplicas: 1 },
      }),
      ["web", "2/3", 3, 1, "3h1m", "a,b", "x,y", "app=web"],
    ],
    ["ReplicaSet", row("ReplicaSet", { spec: { replicas: 3, selector: { matchLabels: { app: "web" } } }, status: { replicas: 2, readyReplicas: 1 } }), ["web", 3, 2, 1, "3h1m", "", "", "app=web"]],
    [
      "Service",
      row("Service", { spec: { type: "NodePort", clusterIP: "10.96.0.7", ports: [{ port: 80, nodePort: 30_080, protocol: "TCP" }], selector: { app: "web" } } }),
      ["web", "NodePort", "10.96.0.7", "<none>", "80:30080/TCP", "3h1m", "app=web"],
    ],
    ["Service that waits for its balancer", row("Service", { spec: { type: "LoadBalancer", ports: [] } }), ["web", "LoadBalancer", "<none>", "<pending>", "<none>", "3h1m", "<none>"]],
    [
      "EndpointSlice",
      row("EndpointSlice", { addressType: "IPv4", ports: [{ port: 80 }], endpoints: ["1", "2", "3", "4", "5"].map((end) => ({ addresses: [`10.0.0.${end}`] })) }),
      ["web", "IPv4", "80", "10.0.0.1,10.0.0.2,10.0.0.3 + 2 more...", "3h1m"],
    ],
    ["EndpointSlice", row("EndpointSlice", { addressType: "IPv4", ports: [{ name: "" }], endpoints: [] }), ["web", "IPv4", "<unset>", "<unset>", "3h1m"]],
    ["EndpointSlice", row("EndpointSlice", { addressType: "IPv4", ports: [{ name: "a" }, { name: "" }], endpoints: [] }), ["web", "IPv4", "a,", "<unset>", "3h1m"]],
    [
      "Node",
      row("Node", {
        metadata: { ...metadata, labels: { "node-role.kubernetes.io/control-plane": "" } },
        spec: { unschedulable: true },
        status: {
          conditions: [{ type: "Ready", status: "True" }],
          addresses: [{ type: "InternalIP", address: "192.0.2.1" }],
          nodeInfo: { kubeletVersion: "v1.36.2", osImage: "Debian", kernelVersion: "6.12", containerRuntimeVersion: "containerd://2.1" },
        },
      }),
      ["web", "Ready,SchedulingDisabled", "control-plane", "3h1m", "v1.36.2", "192.0.2.1", "<none>", "Debian", "6.12", "containerd://2.1"],
    ],
    [
      "Event",
      row("Event", {
        involvedObject: { kind: "Pod", name: "a", fieldPath: "spec.containers{a}" },
        type: "Warning",
        reason: "BackOff",
        message: "no\n",
        source: { component: "kubelet", host: "n1" },
        firstTimestamp: ago(600),
        lastTimestamp: ago(60),
        count: 9,
      }),
      ["60s", "Warning", "BackOff", "pod/a", "spec.containers{a}", "kubelet, n1", "no", "10m", 9, "web"],
    ],
    [
      "Event of a newer reporter that says no times",
      row("Event", { involvedObject: { kind: "Node" }, reportingComponent: "example.com/c", reportingInstance: "c-1" }),
      ["<unknown>", "", "", "node", "", "example.com/c, c-1", "", "<unknown>", 1, "web"],
    ],
    [
      "Event of a newer reporter that says no times",
      row("Event", { involvedObject: { name: "a" }, count: 9, lastTimestamp: ago(60), series: {} }),
      ["<unknown>", "", "", "/a", "", "", "", "<unknown>", 0, "web"],
    ],
    ["Node of an architecture", row("Node", { status: { nodeInfo: { kernelVersion: "6.12", architecture: "arm64" } } })[8], "6.12 (arm64)"],
    [
      "Service with several addresses from outside",
      row("Service", {
        spec: { type: "LoadBalancer", externalIPs: ["192.0.2.9"] },
        status: { loadBalancer: { ingress: [{ ip: "192.0.2.8" }, { hostname: "lb.example.com" }, { ip: "192.0.2.3" }, { ip: "192.0.2.8" }] } },
      })[3],
      "192.0.2.3,192.0.2.8,lb.example.com,192.0.2.9",
    ],
    ["Ingress with a long address", row("Ingress", { spec: {}, status: { loadBalancer: { ingress: [{ hostname: "lb.frankfurt.example.com" }] } } })[3], "lb.frankfurt.example.com"],
    ["IngressClass that is the default", row("IngressClass", { metadata: { ...metadata, annotations: { "ingressclass.kubernetes.io/is-default-class": "true" } } })[0], "web (default)"],
    ["NetworkPolicy for all pods", row("NetworkPolicy", { spec: { podSelector: {} } })[1], "<none>"],
    ["IPAddress of a custom parent", row("IPAddress", { spec: { parentRef: { group: "example.com", resource: "Gates", namespace: "shop", name: "g" } } })[1], "gates.example.com/shop/g"],
    ["ResourceSlice of all nodes", row("ResourceSlice", { spec: { driver: "d", pool: { name: "p" } } }), ["web", "", "d", "p", "3h1m"]],
    ["CertificateSigningRequest that failed undecided", row("CertificateSigningRequest", { spec: {}, status: { conditions: [{ type: "Failed" }] } })[5], "Pending,Failed"],
    [
      "Job that failed, as still running",
      row("Job", { spec: { template: { spec: { containers: [] } } }, status: { startTime: ago(60), conditions: [{ type: "Failed", status: "True", lastTransitionTime: ago(50) }] } }).slice(1, 4),
      ["Failed", "0/1", "60s"],
    ],
    [
      "Application",
      row("Application", { status: { health: "Degraded", ready: "2/3", appliedCommit: "a1b2c3d4e5f6", message: "web-1: ImagePullBackOff" } }),
      ["web", "Degraded", "2/3", "a1b2c3d4e5", "web-1: ImagePullBackOff", "3h1m"],
    ],
  ])("show a %s as kubectl shows it", (_kind, cells, expected) => {
    expect(cells).toEqual(expected);
  });
});

describe("an age", () => {
  it.each([
    [Number.NaN, "<invalid>"],
    [-5000, "<invalid>"],
    [-1500, "0s"],
    [0, "0s"],
    [119_000, "119s"],
    [120_000, "2m"],
    [125_000, "2m5s"],
    [600_000, "10m"],
    [179 * 60_000, "179m"],
    [180 * 60_000, "3h"],
    [181 * 60_000, "3h1m"],
    [8 * 3_600_000, "8h"],
    [47 * 3_600_000, "47h"],
    [48 * 3_600_000, "2d"],
    [49 * 3_600_000, "2d1h"],
    [8 * 86_400_000, "8d"],
    [729 * 86_400_000, "729d"],
    [730 * 86_400_000, "2y"],
    [731 * 86_400_000, "2y1d"],
    [8 * 365 * 86_400_000, "8y"],
  ])("of %d ms is %s", (milliseconds, text) => {
    expect(humanDuration(milliseconds)).toBe(text);
  });
});
