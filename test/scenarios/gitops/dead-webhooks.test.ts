import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { validatingWebhookConfigurationResource } from "../../../engine/resources/admissionregistration/validating-webhook-configuration.ts";
import { customResourceDefinitionResource } from "../../../engine/resources/apiextensions/custom-resource-definition.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { applicationResource } from "../../../engine/resources/mainstay/application.ts";
import { cronTabs, establish, tabs } from "../../kit/custom-kinds.ts";
import { configMapYaml } from "../../kit/git.ts";
import { eventually, startGitCluster, type GitCluster, type WorkingCopy } from "../../kit/git-cluster.ts";

const SCHEMA = { type: "object", properties: { spec: { type: "object", properties: { size: { type: "integer" } } } } };
const DEAD = "https://127.0.0.1:1/";
const tab = (size: number) => `apiVersion: stable.example.com/v2\nkind: CronTab\nmetadata: {name: one, namespace: default}\nspec: {size: ${size}}\n`;
const BROKEN = /apps\/tabs\/one\.yaml:\d+ cannot be tried now: conversion webhook for .* failed/;

let cluster: GitCluster;
let copy: WorkingCopy;
beforeEach(async () => {
  cluster = await startGitCluster();
  copy = await cluster.clone();
});
afterEach(() => cluster[Symbol.asyncDispose]());

const configMaps = () => cluster.client.for(configMapResource);
const valueOf = async (name: string) => (await configMaps().get("default", name)).data?.["key"];
const setByHand = (name: string) => configMaps().patch("default", name, "merge", { data: { key: "by hand" } });
const setConversion = (conversion: object) => cluster.client.for(customResourceDefinitionResource).patch("", "crontabs.stable.example.com", "merge", { spec: { conversion } });
const push = async (files: Readonly<Record<string, string | undefined>>) => {
  await copy.commit(files);
  return copy.push("-o", "wait=20s");
};

/** An object that the store has in another version than the repository, of a kind that nobody converts any more, and a fresh start. */
async function breakConversion(): Promise<void> {
  const versions = ["v1", "v2"].map((name) => ({ name, served: true, storage: name === "v1", schema: { openAPIV3Schema: SCHEMA } }));
  await establish(cluster.client, cronTabs(SCHEMA, {}, { versions }));
  await expect.poll(async () => (await push({ "apps/tabs/one.yaml": tab(1), "apps/maps/a.yaml": configMapYaml("a") })).code, { timeout: 20_000 }).toBe(0);
  await cluster.stopGitOps();
  await setConversion({ strategy: "Webhook", webhook: { conversionReviewVersions: ["v1"], clientConfig: { url: DEAD } } });
  await setByHand("a");
  await cluster.startGitOps();
}

describe("a conversion webhook that does not answer", () => {
  test("stops the application with such objects alone, and says so", async () => {
    await breakConversion();
    await eventually("the drift put back", async () => (await valueOf("a")) === "value");
    const tabsHealth = async () => (await cluster.client.for(applicationResource).get("", "tabs")).status;
    await eventually("what stands still", async () => (await tabsHealth())?.health === "Degraded");
    expect((await tabsHealth())?.message).toMatch(BROKEN);
    const { code, text } = await push({ "apps/maps/a.yaml": configMapYaml("a", { key: "new" }) });
    expect([code, text]).toEqual([0, expect.stringMatching(BROKEN)]);
    expect(text).toContain("healthy after");
    expect(await valueOf("a")).toBe("new");
    const changed = await push({ "apps/tabs/one.yaml": tab(2) });
    expect([changed.code, changed.text]).toEqual([1, expect.stringMatching(BROKEN)]);
    expect(changed.text).toContain("push again when that answers");
  });

  test("keeps what leaves the repository until it answers again, and prunes it then", async () => {
    await breakConversion();
    const { code, text } = await push({ "apps/tabs/one.yaml": undefined });
    expect([code, text]).toEqual([0, expect.stringContaining("! CronTab default/one stays although it left the repository: it cannot be read now")]);
    await setConversion({ strategy: "None", webhook: null });
    await eventually("the deletion", async () => (await cluster.client.for(tabs).list("default")).items.length === 0, 60_000);
  });
});

test("an admission webhook that does not answer stops what it is asked for alone", async () => {
  await push({ "apps/asked/a.yaml": configMapYaml("a"), "apps/maps/b.yaml": configMapYaml("b") });
  await cluster.stopGitOps();
  for (const name of ["a", "b"]) await setByHand(name);
  const webhook = {
    name: "gone.example.com",
    clientConfig: { url: DEAD },
    rules: [{ operations: ["UPDATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] }],
    sideEffects: "None",
    admissionReviewVersions: ["v1"],
    matchConditions: [{ name: "only", expression: "object.metadata.name == 'a'" }],
  };
  await cluster.client
    .for(validatingWebhookConfigurationResource)
    .create({ apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingWebhookConfiguration", metadata: { name: "hooks" }, webhooks: [webhook] });
  await cluster.startGitOps();
  await eventually("the drift put back", async () => (await valueOf("b")) === "value");
  // The repair of the webhook can come with a push.
  const { code, text } = await push({ "apps/maps/b.yaml": configMapYaml("b", { key: "new" }) });
  expect([code, text]).toEqual([0, expect.stringContaining('warning: apps/asked/a.yaml:1 cannot be tried now: Internal error occurred: failed calling webhook "gone.example.com"')]);
  await cluster.client.for(validatingWebhookConfigurationResource).delete("", "hooks");
  await eventually("the rest", async () => (await valueOf("a")) === "value", 60_000);
});
