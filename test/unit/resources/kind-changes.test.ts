import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import { beforeCreate } from "../../../engine/registry/before-create.ts";
import { beforeUpdate } from "../../../engine/registry/before-update.ts";
import { decodeObject } from "../../../engine/registry/decode-object.ts";
import { controllerRevisionResource } from "../../../engine/resources/apps/controller-revision.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { jobResource } from "../../../engine/resources/batch/job.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { eventResource } from "../../../engine/resources/core/event.ts";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";
import { resourceClaimResource } from "../../../engine/resources/device/resource-claim.ts";
import { endpointSliceResource } from "../../../engine/resources/discovery/endpoint-slice.ts";
import { eventsV1EventResource } from "../../../engine/resources/events/event.ts";
import type { ResourceClaim } from "../../../engine/resources/types.ts";

function create<T extends KubeObject>(definition: ResourceDefinition<T>, body: object): T {
  const metadata = { name: "one", ...(definition.namespaced ? { namespace: "shop" } : {}) };
  const { object, schemaErrors } = decodeObject(definition, { ...body, metadata });
  expect(schemaErrors).toEqual([]);
  return beforeCreate(definition, object, { nowText: "2026-11-23T05:00:00Z", random: seededRandom(1) });
}

/** What an update of an object that is stored as it is here makes of it. */
function update<T extends KubeObject>(definition: ResourceDefinition<T>, stored: T, change: object, subresource?: string): T {
  const old = { ...stored, metadata: { ...stored.metadata, resourceVersion: "7" } };
  return beforeUpdate(definition, { ...old, ...change }, old, subresource);
}

function refusal(run: () => unknown): StatusError {
  try {
    run();
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

const faults = (run: () => unknown) => (refusal(run).status.details?.causes ?? []).map(({ field, message }) => `${field}: ${message}`);

describe("what cannot be changed is judged once", () => {
  test("a claim's wish, which is told of as a whole", () => {
    const stored = { ...create(resourceClaimResource, { spec: { devices: {} } }) };
    const wish = { devices: { constraints: [{ matchAttribute: "numa" }] } };
    expect(faults(() => update(resourceClaimResource, stored, { spec: wish }))).toEqual([expect.stringMatching(/^spec: Invalid value: .*: field is immutable$/)]);
    expect(faults(() => create(resourceClaimResource, { spec: wish }))).toEqual([expect.stringContaining("spec.devices.constraints[0].matchAttribute")]);
  });

  test("a revision's content, of which the one that changes it has none", () => {
    const stored = create(controllerRevisionResource, { revision: 1, data: { a: 1 } });
    const { data: _gone, ...bare } = { ...stored, metadata: { ...stored.metadata, resourceVersion: "7" } };
    expect(faults(() => beforeUpdate(controllerRevisionResource, bare as typeof stored, stored, undefined))).toContain("data: Invalid value: null: field is immutable");
    expect(faults(() => beforeUpdate(controllerRevisionResource, bare as typeof stored, stored, undefined))).not.toContain("data: Required value: data is mandatory");
  });

  test("that content is immutable comes before what is wrong with it", () => {
    const stored = create(configMapResource, { data: { a: "1" }, immutable: true });
    expect(faults(() => update(configMapResource, stored, { data: { "a b": "1" } })).map((fault) => fault.split(": ", 2).join(": "))).toEqual(["data: Forbidden", "data[a b]: Invalid value"]);
    const secret = create(secretResource, { type: "Opaque", data: {} });
    expect(faults(() => update(secretResource, secret, { type: "kubernetes.io/ssh-auth" }))).toEqual([
      'type: Invalid value: "kubernetes.io/ssh-auth": field is immutable',
      "data[ssh-privatekey]: Required value",
    ]);
  });
});

describe("what an earlier version stored is changed in nothing but what an update says", () => {
  const OTHER_NAME = { serviceAccount: "before" };
  const template = { metadata: { labels: { app: "web" } }, spec: { restartPolicy: "Never", serviceAccountName: "now", containers: [{ name: "c", image: "i" }] } };
  const olderTemplate = <T extends { readonly spec: { readonly template: { readonly spec?: object } } }>(made: T): T => ({
    ...made,
    spec: { ...made.spec, template: { ...made.spec.template, spec: { ...made.spec.template.spec, ...OTHER_NAME } } },
  });

  test("a pod whose account's two names differ", () => {
    const made = create(podResource, { spec: template.spec });
    const stored = { ...made, spec: { ...made.spec, ...OTHER_NAME } };
    const labelled = update(podResource, stored, { metadata: { ...made.metadata, resourceVersion: "7", labels: { a: "1" } } });
    expect([labelled.metadata.generation, labelled.spec.serviceAccount]).toEqual([1, "now"]);
  });

  test("a Job that has such a template, and a Deployment", () => {
    const job = olderTemplate(create(jobResource, { spec: { template } }));
    expect(update(jobResource, job, { metadata: { ...job.metadata, resourceVersion: "7", finalizers: [] } }).metadata.finalizers).toEqual([]);
    const always = { ...template, spec: { ...template.spec, restartPolicy: "Always" } };
    const deployment = olderTemplate(create(deploymentResource, { spec: { selector: { matchLabels: { app: "web" } }, template: always } }));
    expect(update(deploymentResource, deployment, { metadata: { ...deployment.metadata, resourceVersion: "7", labels: { a: "1" } } }).metadata.generation).toBe(1);
  });

  test("a node that has parts of what is counted, and an address twice", () => {
    const status = { capacity: { "example.com/x": "1500m" }, addresses: [1, 2].map(() => ({ type: "InternalIP", address: "10.0.0.1" })) };
    const stored = { ...create(nodeResource, {}), status };
    expect(update(nodeResource, stored, { spec: { unschedulable: true } }).spec?.unschedulable).toBe(true);
    const said = { capacity: { ...status.capacity, cpu: "2" }, allocatable: { "example.com/x": "1500m", cpu: "1" }, addresses: [] };
    expect(update(nodeResource, stored, { status: said }, "status").status).toMatchObject(said);
    const other = { capacity: { "example.com/x": "2500m" }, allocatable: {} };
    expect(faults(() => update(nodeResource, stored, { status: other }, "status"))).toEqual(['status.capacity.example.com/x: Invalid value: "2500m": must be an integer']);
  });

  test("a claim whose allocation says nothing of devices", () => {
    const [p, q] = ["p", "q"].map((name) => ({ resource: "pods", name, uid: name }));
    const stored = { ...create(resourceClaimResource, { spec: {} }), status: { allocation: {}, reservedFor: [p] } } as ResourceClaim; // as it was stored
    const { object } = decodeObject(resourceClaimResource, { ...stored, status: { ...stored.status, reservedFor: [p, q] } });
    expect(update(resourceClaimResource, stored, { status: object.status }, "status").status?.reservedFor).toEqual([p, q]);
  });
});

describe("a node", () => {
  const node = create(nodeResource, {});
  test.each<[string, object, readonly string[]]>([
    [
      "parts of what is counted",
      { capacity: { pods: "500m" } },
      ['status.capacity.pods: Invalid value: "500m": must be an integer', 'status.allocatable.pods: Invalid value: "500m": must be an integer'],
    ],
    ["less than nothing", { allocatable: { cpu: "-1" } }, ['status.allocatable.cpu: Invalid value: "-1": must be greater than or equal to 0']],
    [
      "an address twice",
      {
        addresses: [
          { type: "Hostname", address: "n" },
          { type: "Hostname", address: "n" },
        ],
      },
      ['status.addresses[1]: Duplicate value: {"type":"Hostname","address":"n"}'],
    ],
  ])("has not %s, says the status that its agent writes", (_what, status, expected) => {
    expect(faults(() => update(nodeResource, node, { status }, "status"))).toEqual(expected);
  });

  test("that is made with room to swap has some", () => {
    expect(faults(() => create(nodeResource, { status: { nodeInfo: { swap: { capacity: 0 } } } }))).toEqual(["metadata.nodeSwapStatus.capacity: Invalid value: 0: must be greater than zero"]);
  });

  test("has one range of each family, whichever is named twice", () => {
    expect(faults(() => create(nodeResource, { spec: { podCIDRs: ["10.1.0.0/24", "10.1.0.0/24"] } }))).toEqual([expect.stringContaining("may specify no more than one CIDR for each IP family")]);
    expect(create(nodeResource, { spec: { podCIDR: "10.1.0.0/24", podCIDRs: ["fd00::/64", "fd00::/64"] } }).spec?.podCIDRs).toEqual(["10.1.0.0/24"]);
  });

  test("is not configured through the API any more", () => {
    const source = { configMap: { namespace: "a", name: "b", kubeletConfigKey: "c" } };
    expect(create(nodeResource, { spec: { configSource: source, unschedulable: true } }).spec).toEqual({ unschedulable: true });
    expect(update(nodeResource, node, { status: { config: { active: source } } }, "status").status).not.toHaveProperty("config");
  });
});

test("a Deployment's generation counts its annotations, which are copied to its ReplicaSets, but not those that come with its status", () => {
  const template = { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "i" }] } };
  const made = create(deploymentResource, { spec: { selector: { matchLabels: { app: "web" } }, template } });
  const changed = (metadata: object, subresource?: string) => update(deploymentResource, made, { metadata: { ...made.metadata, resourceVersion: "7", ...metadata } }, subresource).metadata.generation;
  expect(changed({ annotations: { a: "1" } })).toBe(2);
  expect(changed({ annotations: { a: "1" } }, "status")).toBe(1);
  expect(changed({ labels: { a: "1" } })).toBe(1);
});

test("labels of an endpoint's node are not taken any more, and stay for as long as nobody changes the endpoints", () => {
  const endpoint = { addresses: ["10.0.0.1"], conditions: {}, deprecatedTopology: { "kubernetes.io/hostname": "n1" } };
  const made = create(endpointSliceResource, { addressType: "IPv4", endpoints: [endpoint] });
  expect(made.endpoints).toEqual([{ addresses: ["10.0.0.1"], conditions: {} }]);
  const older = { ...made, endpoints: [endpoint] };
  expect(update(endpointSliceResource, older, { ports: [{ port: 80 }] }).endpoints).toEqual([endpoint]);
  expect(update(endpointSliceResource, older, { endpoints: [endpoint, { addresses: ["10.0.0.2"] }] }).endpoints?.[0]).toEqual({ addresses: ["10.0.0.1"], conditions: {} });
});

test("a wrong event is told of as an Event of the core, and its reporter as the address calls it", () => {
  const body = { eventTime: "2026-11-23T05:00:00.000000Z", reportingInstance: "i", action: "a", reason: "r", type: "Normal" };
  const core = refusal(() => create(eventResource, { ...body, involvedObject: { namespace: "shop" } }));
  expect(core.status.details?.causes?.map(({ field }) => field)).toEqual(["reportingComponent", "reportingComponent", "reportingComponent"]);
  const newer = refusal(() => create(eventsV1EventResource, { ...body, regarding: { namespace: "shop" } }));
  expect(newer.message).toMatch(/^Event "one" is invalid: \[reportingController: Required value, /);
  expect(newer.status.details).toMatchObject({ kind: "Event", name: "one" });
  expect(newer.status.details).not.toHaveProperty("group");
});
