import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findCondition } from "../../../engine/apimachinery/conditions.ts";
import { customResourceDefinitionResource } from "../../../engine/resources/apiextensions/custom-resource-definition.ts";
import { apiServiceResource } from "../../../engine/resources/apiregistration/api-service.ts";
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
    await plane.client.for(tabs).create(cronTab("child", {}, { metadata: { name: "child", namespace: "default", ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "owner", uid: owner.metadata.uid ?? "" }] } }));
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
