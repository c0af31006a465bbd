import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findCondition } from "../../../engine/apimachinery/conditions.ts";
import { customResourceDefinitionResource } from "../../../engine/resources/apiextensions/custom-resource-definition.ts";
import { apiServiceResource } from "../../../engine/resources/apiregistration/api-service.ts";
import { validatingAdmissionPolicyBindingResource } from "../../../engine/resources/admissionregistration/validating-admission-policy-binding.ts";
import { validatingAdmissionPolicyResource } from "../../../engine/resources/admissionregistration/validating-admission-policy.ts";
import { leaseResource } from "../../../engine/resources/coordination/lease.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { cronTab, cronTabs, isEstablished, tabs } from "../../kit/custom-kinds.ts";
import { startControlPlane, type ControlPlane } from "../controllers/control-plane.ts";

let plane: ControlPlane;
beforeEach(async () => {
  plane = await startControlPlane();
});
afterEach(() => plane.stop());

const schema = { type: "object", properties: { spec: { type: "object", "x-kubernetes-preserve-unknown-fields": true } } };
const definitions = () => plane.client.for(customResourceDefinitionResource);
const named = (plural: string, kind: string, shortNames: readonly string[] = []) => {
  const base = cronTabs(schema);
  return { ...base, metadata: { name: `${plural}.stable.example.com` }, spec: { ...base.spec, names: { plural, kind, shortNames } } };
};
const define = async (definition = cronTabs(schema)) => {
  await definitions().create(definition);
  await plane.clock.settle();
  return definitions().get("", definition.metadata.name ?? "");
};

describe("definitions of kinds", () => {
  test("are established when nobody has their names, and wait for those that somebody has", async () => {
    const first = await define();
    expect(isEstablished(first)).toBe(true);
    expect(first.status).toMatchObject({ storedVersions: ["v1"], acceptedNames: { plural: "crontabs", singular: "crontab", kind: "CronTab", listKind: "CronTabList", shortNames: ["ct"] } });
    const second = await define(named("others", "CronTab", ["ct", "o"]));
    expect(isEstablished(second)).toBe(false);
    expect(findCondition(second.status?.conditions, "NamesAccepted")).toMatchObject({ status: "False", reason: "ListKindConflict", message: '"CronTabList" is already in use' });
    expect(findCondition(second.status?.conditions, "Established")).toMatchObject({ status: "False", reason: "NotAccepted" });
    await definitions().delete("", "crontabs.stable.example.com");
    await plane.clock.advance(1_000);
    expect(isEstablished(await definitions().get("", "others.stable.example.com"))).toBe(true);
  });

  test("have an APIService for each version as long as it is served", async () => {
    const services = async () => (await plane.client.for(apiServiceResource).list("")).items.map(({ metadata }) => metadata.name);
    await define();
    await plane.clock.advance(1_000);
    expect(await services()).toEqual(["v1.stable.example.com"]);
    await definitions().delete("", "crontabs.stable.example.com");
    await plane.clock.advance(10_000);
    expect(await services()).toEqual([]);
  });

  test("go when their objects are gone, which may take finalizers their time", async () => {
    await define();
    await plane.client.for(tabs).create(cronTab("held", {}, { metadata: { name: "held", namespace: "default", finalizers: ["example.com/hold"] } }));
    await plane.client.for(tabs).create(cronTab("free"));
    await definitions().delete("", "crontabs.stable.example.com");
    await plane.clock.advance(10_000);
    expect((await plane.client.for(tabs).list("default")).items.map(({ metadata }) => metadata.name)).toEqual(["held"]);
    expect(findCondition((await definitions().get("", "crontabs.stable.example.com")).status?.conditions, "Terminating")).toMatchObject({ status: "True", reason: "InstanceDeletionInProgress" });
    await plane.client.for(tabs).patch("default", "held", "merge", { metadata: { finalizers: null } });
    await plane.clock.advance(10_000);
    expect((await definitions().list("")).items).toEqual([]);
    expect(plane.warnings).toEqual([]);
  });
});

describe("custom kinds that nobody can ask for go with their objects all the same", () => {
  const remove = async () => {
    await definitions().delete("", "crontabs.stable.example.com");
    await plane.clock.advance(10_000);
    expect((await definitions().list("")).items).toEqual([]);
  };
  const stored = async () => (await plane.api.storage.list("/registry/stable.example.com/crontabs/")).entries.length;
  const takeOver = async (version = "v1") => {
    const spec = { group: "stable.example.com", version, groupPriorityMinimum: 2000, versionPriority: 200, insecureSkipTLSVerify: true, service: { namespace: "gone", name: "gone" } };
    const services = plane.client.for(apiServiceResource);
    const name = `${version}.stable.example.com`;
    // A kind that is there has one of its own.
    const service = await services.create({ apiVersion: "apiregistration.k8s.io/v1", kind: "APIService", metadata: { name }, spec }).catch(() => services.patch("", name, "merge", { spec }));
    const conditions = [{ type: "Available", status: "False", reason: "ServiceNotFound", message: "nobody looks here", lastTransitionTime: "2030-01-01T00:00:00Z" }];
    await services.updateStatus({ ...service, status: { conditions } });
  };

  test("where a server that is away answers for their group and version", async () => {
    await define();
    await plane.client.for(tabs).create(cronTab("one"));
    await takeOver();
    await expect(plane.client.for(tabs).list("")).rejects.toMatchObject({ status: { reason: "ServiceUnavailable" } });
    await remove();
    expect(await stored()).toBe(0);
  });

  test("where the version that they are stored in, or every version, is served no more", async () => {
    await define();
    await plane.client.for(tabs).create(cronTab("one"));
    const definition = await definitions().get("", "crontabs.stable.example.com");
    await definitions().update({ ...definition, spec: { ...definition.spec, versions: definition.spec.versions.map((version) => ({ ...version, served: false })) } });
    await plane.clock.settle();
    await expect(plane.client.for(tabs).list("")).rejects.toMatchObject({ status: { reason: "NotFound" } });
    await remove();
    expect(await stored()).toBe(0);
  });

  test("where admission refuses that they are deleted", async () => {
    await define();
    await plane.client.for(tabs).create(cronTab("one"));
    const resourceRules = [{ apiGroups: ["stable.example.com"], apiVersions: ["*"], resources: ["*"], operations: ["DELETE" as const] }];
    await plane.client.for(validatingAdmissionPolicyResource).create({
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicy",
      metadata: { name: "keep" },
      spec: { matchConstraints: { resourceRules }, validations: [{ expression: "false" }] },
    });
    await plane.client
      .for(validatingAdmissionPolicyBindingResource)
      .create({ apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingAdmissionPolicyBinding", metadata: { name: "keep" }, spec: { policyName: "keep", validationActions: ["Deny"] } });
    await plane.clock.settle();
    await expect(plane.client.for(tabs).delete("default", "one")).rejects.toThrow("denied");
    await remove();
    expect(await stored()).toBe(0);
  });

  test("but for their namespaces, which say what could not be asked", async () => {
    await define();
    await plane.client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
    await plane.client.for(tabs).create({ ...cronTab("one"), metadata: { name: "one", namespace: "shop" } });
    await takeOver();
    await plane.client.for(namespaceResource).delete("", "shop");
    await plane.clock.advance(10_000);
    const { conditions } = (await plane.client.for(namespaceResource).get("", "shop")).status ?? {};
    expect(findCondition(conditions, "NamespaceDeletionDiscoveryFailure")).toMatchObject({
      status: "True",
      reason: "DiscoveryFailed",
      message: "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: stable.example.com/v1: stale GroupVersion discovery: stable.example.com/v1",
    });
    expect(findCondition(conditions, "NamespaceDeletionContentFailure")).toMatchObject({ status: "False" });
    expect(await stored()).toBe(1);
    await plane.client.for(apiServiceResource).delete("", "v1.stable.example.com");
    await plane.clock.advance(60_000);
    expect((await plane.client.for(namespaceResource).list("")).items.map(({ metadata }) => metadata.name)).not.toContain("shop");
    expect(await stored()).toBe(0);
  });

  test("and hold nobody else up who is deleted meanwhile", async () => {
    await takeOver();
    await define();
    await plane.clock.advance(1_000);
    plane.warnings.length = 0;
    const maps = plane.client.for(configMapResource);
    await maps.create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "owner", namespace: "default" } });
    await plane.clock.settle();
    await maps.delete("default", "owner", { propagationPolicy: "Foreground" });
    await plane.clock.advance(5_000);
    expect((await maps.list("default")).items.map(({ metadata }) => metadata.name)).not.toContain("owner");
    expect(plane.warnings).toEqual([]);
  });

  test("but for those with a built-in kind's name, which take none of its objects along", async () => {
    const base = cronTabs(schema);
    const names = { plural: "leases", kind: "Lease" };
    const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: "mine", namespace: "default" }, spec: {} };
    await plane.client.for(leaseResource).create(lease);
    const metadata = { name: "leases.coordination.k8s.io", annotations: { "api-approved.kubernetes.io": "unapproved, a test" } };
    await define({ ...base, metadata, spec: { ...base.spec, group: "coordination.k8s.io", names } });
    await definitions().delete("", metadata.name);
    await plane.clock.advance(10_000);
    expect((await definitions().list("")).items).toEqual([]);
    expect((await plane.client.for(leaseResource).list("default")).items.map(({ metadata: { name } }) => name)).toEqual(["mine"]);
  });
});

describe("custom objects", () => {
  test("own others and are owned, as built-in ones", async () => {
    await define();
    const owner = await plane.client.for(tabs).create(cronTab("owner"));
    const reference = { apiVersion: owner.apiVersion, kind: owner.kind, name: "owner", uid: owner.metadata.uid ?? "", blockOwnerDeletion: true };
    await plane.client.for(configMapResource).create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "owned", namespace: "default", ownerReferences: [reference] } });
    await plane.client.for(tabs).create(cronTab("child", {}, { metadata: { name: "child", namespace: "default", ownerReferences: [reference] } }));
    await plane.clock.settle();
    await plane.client.for(tabs).delete("default", "owner", { propagationPolicy: "Foreground" });
    await plane.clock.advance(2_000);
    expect((await plane.client.for(tabs).list("")).items).toEqual([]);
    expect((await plane.client.for(configMapResource).list("default")).items.filter(({ metadata }) => metadata.name === "owned")).toEqual([]);
  });

  test("stay when their owner leaves them behind", async () => {
    await define();
    const owner = await plane.client.for(configMapResource).create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "owner", namespace: "default" } });
    await plane.client
      .for(tabs)
      .create(cronTab("child", {}, { metadata: { name: "child", namespace: "default", ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "owner", uid: owner.metadata.uid ?? "" }] } }));
    await plane.clock.settle();
    await plane.client.for(configMapResource).delete("default", "owner", { propagationPolicy: "Orphan" });
    await plane.clock.advance(2_000);
    expect((await plane.client.for(tabs).get("default", "child")).metadata.ownerReferences ?? []).toEqual([]);
  });

  test("go with their namespace", async () => {
    await define();
    await plane.client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
    await plane.client.for(tabs).create({ ...cronTab("one"), metadata: { name: "one", namespace: "shop" } });
    await plane.client.for(namespaceResource).delete("", "shop");
    await plane.clock.advance(10_000);
    expect((await plane.client.for(tabs).list("")).items).toEqual([]);
    expect((await plane.client.for(namespaceResource).list("")).items.map(({ metadata }) => metadata.name)).not.toContain("shop");
  });
});
