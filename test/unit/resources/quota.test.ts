import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { computeCharge, countQuota } from "../../../engine/resources/quota/charge.ts";
import { doesQuotaMatch } from "../../../engine/resources/quota/matching.ts";
import { deviceQuotaFacts, plainQuotaFacts } from "../../../engine/resources/quota/quota-facts.ts";
import { fromQuotaAmounts, quotaUsage } from "../../../engine/resources/quota/usage.ts";
import type { Pod, PodSpec, PodStatus, ResourceClaim, ResourceQuota, ResourceQuotaSpec } from "../../../engine/resources/types.ts";
import { aDeviceClaim, aDeviceClass } from "../../kit/devices.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const FACTS = plainQuotaFacts(NOW);
const PODS = { group: "", resource: "pods" };
const CLAIMS = { group: "", resource: "persistentvolumeclaims" };
const SERVICES = { group: "", resource: "services" };

const object = (rest: object = {}, metadata: object = {}): KubeObject => ({ apiVersion: "v1", kind: "Any", metadata: { name: "o", namespace: "n", ...metadata }, ...rest });
const container = (name: string, requests: Record<string, string> = {}, limits: Record<string, string> = {}) => ({ name, image: "i", resources: { requests, limits } });
const pod = (spec: Partial<PodSpec> = {}, status: object = {}, metadata: object = {}) =>
  object({ spec: { containers: [container("c", { cpu: "100m", memory: "64Mi" }, { cpu: "1", memory: "128Mi" })], ...spec }, status }, metadata);
const quota = (hard: Record<string, string>, used: Record<string, string> = {}, spec: Partial<ResourceQuotaSpec> = {}): ResourceQuota => ({
  apiVersion: "v1",
  kind: "ResourceQuota",
  metadata: { name: "q", namespace: "n" },
  spec: { hard, ...spec },
  status: { hard, used: { ...Object.fromEntries(Object.keys(hard).map((name) => [name, "0"])), ...used } },
});

describe("what an object takes", () => {
  test.each<[string, { group: string; resource: string }, KubeObject, Record<string, string>]>([
    [
      "a pod its requests and limits, of sidecars too",
      PODS,
      pod({ initContainers: [{ ...container("s", { cpu: "50m" }), restartPolicy: "Always" }] }),
      { "count/pods": "1", pods: "1", cpu: "150m", "requests.cpu": "150m", "limits.cpu": "1", memory: "64Mi", "requests.memory": "64Mi", "limits.memory": "128Mi" },
    ],
    ["a pod that is over only its place", PODS, pod({}, { phase: "Failed" }), { "count/pods": "1" }],
    ["a pod that should have been gone only its place", PODS, pod({}, {}, { deletionTimestamp: "2025-12-31T23:00:00Z", deletionGracePeriodSeconds: 30 }), { "count/pods": "1" }],
    [
      "a pod that is resized the most that it has or shall have",
      PODS,
      pod({}, { containerStatuses: [{ name: "c", resources: { requests: { cpu: "300m" }, limits: { cpu: "300m" } }, allocatedResources: { memory: "96Mi" } }] }),
      { "count/pods": "1", pods: "1", cpu: "300m", "requests.cpu": "300m", "limits.cpu": "1", memory: "96Mi", "requests.memory": "96Mi", "limits.memory": "128Mi" },
    ],
    [
      "a pod that is resized as a whole what it shall have",
      PODS,
      pod({ containers: [container("c")], resources: { requests: { cpu: "1" } } }, { resources: { requests: { cpu: "2" } } }),
      { "count/pods": "1", pods: "1", cpu: "1", "requests.cpu": "1" },
    ],
    [
      "devices what is asked of them",
      PODS,
      pod({ containers: [container("c", { "example.com/gpu": "2" }, { "example.com/gpu": "2" })] }),
      { "count/pods": "1", pods: "1", "requests.example.com/gpu": "2" },
    ],
    [
      "a balanced Service its ports on nodes",
      SERVICES,
      object({ spec: { type: "LoadBalancer", ports: [{ port: 1 }, { port: 2 }] } }),
      { "count/services": "1", services: "1", "services.nodeports": "2", "services.loadbalancers": "1" },
    ],
    [
      "a balanced Service without them only what it names",
      SERVICES,
      object({ spec: { type: "LoadBalancer", allocateLoadBalancerNodePorts: false, ports: [{ port: 1, nodePort: 30000 }, { port: 2 }] } }),
      { "count/services": "1", services: "1", "services.nodeports": "1", "services.loadbalancers": "1" },
    ],
    [
      "a claim its size, by class as well",
      CLAIMS,
      object({ spec: { storageClassName: "gold", resources: { requests: { storage: "1.5Gi" } } } }),
      {
        "count/persistentvolumeclaims": "1",
        persistentvolumeclaims: "1",
        "requests.storage": "1536Mi",
        "gold.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
        "gold.storageclass.storage.k8s.io/requests.storage": "1536Mi",
      },
    ],
    [
      "a claim of devices what may come of it, by class",
      { group: "resource.k8s.io", resource: "resourceclaims" },
      object({
        spec: {
          devices: {
            requests: [
              { name: "a", exactly: { deviceClassName: "gold", allocationMode: "ExactCount", count: 2 } },
              {
                name: "b",
                firstAvailable: [
                  { name: "x", deviceClassName: "gold", count: 1 },
                  { name: "y", deviceClassName: "gold", count: 3 },
                  { name: "z", deviceClassName: "tin", allocationMode: "All" },
                ],
              },
            ],
          },
        },
      }),
      {
        "count/resourceclaims.resource.k8s.io": "1",
        "gold.deviceclass.resource.k8s.io/devices": "5",
        "tin.deviceclass.resource.k8s.io/devices": "32",
        "requests.deviceclass.resource.kubernetes.io/gold": "5",
        "requests.deviceclass.resource.kubernetes.io/tin": "32",
      },
    ],
    ["anything else its place", { group: "apps", resource: "deployments" }, object(), { "count/deployments.apps": "1" }],
  ])("%s", (_name, kind, judged, amounts) => {
    expect(fromQuotaAmounts(quotaUsage(kind, judged, FACTS))).toEqual(amounts);
  });
});

describe("devices by the names of extended resources", () => {
  const CLAIM_KIND = { group: "resource.k8s.io", resource: "resourceclaims" };
  const [OWN, CHOSEN] = ["requests.deviceclass.resource.kubernetes.io/gold", "requests.example.com/card"];
  const classes = [aDeviceClass("gold", { extendedResourceName: "example.com/card" })];
  const user = (requests: Record<string, string>, status: PodStatus = {}): Pod => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "default", uid: "uid-p" },
    spec: { containers: [container("c", requests)] },
    status,
  });
  const made = (name: string, count: number, metadata: Partial<ResourceClaim["metadata"]> = {}): ResourceClaim & KubeObject => {
    const claim = aDeviceClaim(name, { requests: [{ name: "a", exactly: { deviceClassName: "gold", allocationMode: "ExactCount", count } }] });
    return { ...claim, metadata: { ...claim.metadata, name, creationTimestamp: "2026-01-01T00:00:00Z", ...metadata } };
  };
  /** For what a container asks of the pod's extended resources. */
  const standIn = (name: string, count: number, uid = "uid-p") =>
    made(name, count, { annotations: { "resource.kubernetes.io/extended-resource-claim": "true" }, ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "p", uid, controller: true }] });
  const taken = (claim: ResourceClaim & KubeObject, pods: readonly Pod[] = [], others: readonly ResourceClaim[] = []) => {
    const { [OWN]: own, [CHOSEN]: chosen } = fromQuotaAmounts(quotaUsage(CLAIM_KIND, claim, deviceQuotaFacts(NOW, classes, [claim, ...others], pods)));
    return [own, chosen];
  };
  test.each<[string, readonly (string | undefined)[], readonly [string, string]]>([
    ["a claim takes of both names of its class", taken(made("mine", 2)), ["2", "2"]],
    ["one that stands for a pod's takes only what the pod has not been charged", taken(standIn("mine", 2), [user({ "example.com/card": "2" })]), ["2", ""]],
    ["the same by the name of the class", taken(standIn("mine", 3), [user({ "deviceclass.resource.kubernetes.io/gold": "2" })]), ["1", "3"]],
    ["a pod that is over is charged nothing", taken(standIn("mine", 2), [user({ "example.com/card": "2" }, { phase: "Failed" })]), ["2", "2"]],
    ["a claim that only says so stands for nothing", taken(standIn("mine", 2, "uid-other"), [user({ "example.com/card": "2" })]), ["2", "2"]],
    [
      "the pod says which claim it is",
      taken(standIn("b", 2), [user({ "example.com/card": "2" }, { extendedResourceClaimStatus: { resourceClaimName: "b", requestMappings: [] } })], [standIn("a", 2)]),
      ["2", ""],
    ],
    ["and which it is not", taken(standIn("a", 2), [user({ "example.com/card": "2" }, { extendedResourceClaimStatus: { resourceClaimName: "b", requestMappings: [] } })]), ["2", "2"]],
    ["until it does, it is the first that was made for it", taken(standIn("b", 2), [user({ "example.com/card": "2" })], [standIn("a", 2)]), ["2", "2"]],
  ])("%s", (_name, found, expected) => {
    expect(found.map((amount) => amount ?? "")).toEqual(expected);
  });
});

describe("scopes", () => {
  const scoped = (spec: Partial<ResourceQuotaSpec>) => quota({ pods: "1" }, {}, spec);
  const selector = (scopeName: string, operator: string, values?: string[]) => ({ scopeSelector: { matchExpressions: [{ scopeName, operator, ...(values === undefined ? {} : { values }) }] } });
  const bare = pod({ containers: [container("c")] });
  const far = pod({ affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "k", namespaces: ["other"] }] } } });
  test.each<[string, Partial<ResourceQuotaSpec>, KubeObject, boolean]>([
    ["without any, everything", {}, pod(), true],
    ["pods with a deadline", { scopes: ["Terminating"] }, pod({ activeDeadlineSeconds: 5 }), true],
    ["not those without", { scopes: ["Terminating"] }, pod(), false],
    ["pods that ask for nothing", { scopes: ["BestEffort"] }, bare, true],
    ["not those that do", { scopes: ["BestEffort"] }, pod(), false],
    ["all scopes must hold", { scopes: ["NotBestEffort", "NotTerminating"] }, pod({ activeDeadlineSeconds: 5 }), false],
    ["a class of priority", selector("PriorityClass", "In", ["high"]), pod({ priorityClassName: "high" }), true],
    ["another class", selector("PriorityClass", "In", ["high"]), pod({ priorityClassName: "low" }), false],
    ["no class", selector("PriorityClass", "DoesNotExist"), pod(), true],
    ["no class is none of those named", selector("PriorityClass", "NotIn", ["high"]), pod(), true],
    ["pods that look into other namespaces", { scopes: ["CrossNamespacePodAffinity"] }, far, true],
    ["not those that do not", { scopes: ["CrossNamespacePodAffinity"] }, pod(), false],
  ])("choose %s", (_name, spec, judged, isChosen) => {
    expect(doesQuotaMatch(scoped(spec), PODS, judged)).toBe(isChosen);
  });

  test("choose nothing of kinds that have none", () => {
    expect(doesQuotaMatch(quota({ "count/secrets": "1" }, {}, { scopes: ["Terminating"] }), { group: "", resource: "secrets" }, object())).toBe(false);
  });
});

describe("a charge", () => {
  const write = (made: KubeObject, old?: KubeObject) => ({ kind: PODS, object: made, old, isStatus: false });
  test("adds what the pod takes of what is bounded", () => {
    expect(computeCharge(quota({ "requests.cpu": "1", pods: "2", "limits.memory": "1Gi" }, { "requests.cpu": "900m", pods: "1", "limits.memory": "1M" }), write(pod()), FACTS)).toEqual({
      is: "charged",
      used: { "requests.cpu": "1", pods: "2", "limits.memory": "135217728" },
    });
  });

  test("names everything that is too much, and nothing else", () => {
    expect(computeCharge(quota({ "requests.cpu": "150m", pods: "1", "requests.memory": "1Gi" }, { "requests.cpu": "100m", pods: "1" }), write(pod()), FACTS)).toEqual({
      is: "refused",
      why: "exceeded quota: q, requested: pods=1,requests.cpu=100m, used: pods=1,requests.cpu=100m, limited: pods=1,requests.cpu=150m",
    });
  });

  test("knows a bound for devices as one of claims of devices", () => {
    const gold = "gold.deviceclass.resource.k8s.io/devices";
    const claim = object({ spec: { devices: { requests: [{ name: "a", exactly: { deviceClassName: "gold", count: 2 } }] } } });
    const judge = (hard: string) => computeCharge(quota({ [gold]: hard }), { kind: { group: "resource.k8s.io", resource: "resourceclaims" }, object: claim, old: undefined, isStatus: false }, FACTS);
    expect(judge("2")).toEqual({ is: "charged", used: { [gold]: "2" } });
    expect(judge("1")).toEqual({ is: "refused", why: `exceeded quota: q, requested: ${gold}=2, used: ${gold}=0, limited: ${gold}=1` });
  });

  test("is refused to pods that leave open what is bounded", () => {
    const open = pod({ containers: [container("b"), container("a", { cpu: "1" })] });
    expect(computeCharge(quota({ cpu: "9", "limits.memory": "9Gi" }), write(open), FACTS)).toEqual({ is: "refused", why: "failed quota: q: must specify cpu for: b; limits.memory for: a,b" });
    expect(computeCharge(quota({ "requests.cpu": "9" }), write({ ...open, spec: { containers: [container("b")], resources: { requests: { cpu: "1" } } } } as KubeObject), FACTS)).toEqual({
      is: "charged",
      used: { "requests.cpu": "1" },
    });
  });

  test("is no matter of what containers leave open where anything is said for the pod as a whole", () => {
    const whole = pod({ containers: [container("b")], resources: { limits: { memory: "1Gi" } } });
    expect(computeCharge(quota({ "requests.cpu": "9" }), write(whole), FACTS)).toEqual({ is: "none" });
    expect(computeCharge(quota({ "requests.cpu": "9" }), write(pod({ containers: [container("b")], resources: {} })), FACTS).is).toBe("refused");
  });

  test("of a resize is what grows beyond what the pod still has", () => {
    const sized = (cpu: string) => pod({ containers: [container("c", { cpu })] }, { containerStatuses: [{ name: "c", resources: { requests: { cpu: "400m" } } }] });
    const grow = (to: string) => computeCharge(quota({ "requests.cpu": "1" }, { "requests.cpu": "900m" }), write(sized(to), sized("100m")), FACTS);
    expect(grow("300m")).toEqual({ is: "none" });
    expect(grow("500m")).toEqual({ is: "charged", used: { "requests.cpu": "1" } });
    expect(grow("600m")).toEqual({ is: "refused", why: "exceeded quota: q, requested: requests.cpu=200m, used: requests.cpu=900m, limited: requests.cpu=1" });
  });

  test("waits until the quota has been counted", () => {
    expect(computeCharge({ ...quota({ pods: "1" }), status: { hard: { pods: "1" } } }, write(pod()), FACTS)).toEqual({ is: "refused", why: "status unknown for quota: q, resources: pods" });
  });

  test("of an update is what grows, and shrinking is free", () => {
    const sized = (storage: string) => object({ spec: { resources: { requests: { storage } } } });
    const grow = (to: string, hard: string) =>
      computeCharge(quota({ "requests.storage": hard }, { "requests.storage": "1Gi" }), { kind: CLAIMS, object: sized(to), old: sized("1Gi"), isStatus: false }, FACTS);
    expect(grow("3Gi", "3Gi")).toEqual({ is: "charged", used: { "requests.storage": "3Gi" } });
    expect(grow("4Gi", "3Gi")).toEqual({ is: "refused", why: "exceeded quota: q, requested: requests.storage=3Gi, used: requests.storage=1Gi, limited: requests.storage=3Gi" });
    expect(grow("1Mi", "3Gi")).toEqual({ is: "none" });
  });

  test("is none where the quota bounds nothing of the kind", () => {
    expect(computeCharge(quota({ services: "0" }), write(pod()), FACTS)).toEqual({ is: "none" });
  });
});

test("a count follows the spec, and starts at nothing", () => {
  const asked = { ...quota({ "requests.cpu": "1", "count/secrets": "5", pods: "3" }), status: { hard: { pods: "1" }, used: { pods: "9" } } };
  const counted = [
    { kind: PODS, objects: [pod(), pod(), pod({}, { phase: "Succeeded" })] },
    { kind: { group: "", resource: "secrets" }, objects: [] },
  ];
  expect(countQuota(asked, counted, FACTS)).toEqual({ hard: { "requests.cpu": "1", "count/secrets": "5", pods: "3" }, used: { "requests.cpu": "200m", "count/secrets": "0", pods: "2" } });
});
