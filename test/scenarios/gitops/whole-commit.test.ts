import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { catalog } from "../../../engine/resources/catalog.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { configMapYaml, deploymentYaml, namespaceYaml } from "../../kit/git.ts";
import { eventually, startGitCluster, type GitCluster, type WorkingCopy } from "../../kit/git-cluster.ts";

let cluster: GitCluster;
let copy: WorkingCopy;
beforeEach(async () => {
  cluster = await startGitCluster();
  copy = await cluster.clone();
});
afterEach(() => cluster[Symbol.asyncDispose]());

const using = (name: string, key: string) =>
  deploymentYaml("web", 1)
    .replace("      containers:\n", `      serviceAccountName: robot\n      volumes: [{name: v, secret: {secretName: tls}}]\n      containers:\n`)
    .replace("          image:", `          env:\n            - name: LEVEL\n              valueFrom: {configMapKeyRef: {name: ${name}, key: ${key}}}\n          image:`);
const lines = (text: string) =>
  text
    .split("\n")
    .map((line) => line.replace(/^remote: /, "").trim())
    .filter((line) => /\.yaml:\d+ /.test(line));

describe("a commit is admitted whole", () => {
  test("what it refers to must be there or come with it; every missing thing is named with its line", async () => {
    await copy.commit({ "web.yaml": using("settings", "level") });
    const { code, text } = await copy.push();
    expect(code).not.toBe(0);
    expect(lines(text)).toEqual([
      expect.stringMatching(
        /^web\.yaml:13 spec\.template\.spec\.serviceAccountName: there is no ServiceAccount default\/robot, neither in the cluster nor in this commit; add it, or set references: warn/,
      ),
      expect.stringMatching(/^web\.yaml:14 .*secretName: there is no Secret default\/tls.*make the reference optional/),
      expect.stringMatching(/^web\.yaml:19 .*configMapKeyRef\.name: there is no ConfigMap default\/settings/),
    ]);
    await copy.commit({
      "more.yaml": `${configMapYaml("settings", { other: "x" })}---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: robot}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: tls}\nstringData: {a: b}\n`,
    });
    expect(lines((await copy.push()).text)).toEqual([
      expect.stringContaining("web.yaml:19 spec.template.spec.containers[0].env[0].valueFrom.configMapKeyRef.name: ConfigMap default/settings has no key level"),
    ]);
    await copy.commit({ "web.yaml": using("settings", "other") });
    expect((await copy.push()).text).toContain("healthy after");
  });

  test("what others still need cannot leave", async () => {
    await copy.commit({ "web.yaml": using("settings", "level").replace(/ {6}(serviceAccountName|volumes).*\n/g, ""), "settings.yaml": configMapYaml("settings", { level: "1" }) });
    expect((await copy.push()).code).toBe(0);
    await copy.commit({ "settings.yaml": undefined });
    const { code, text } = await copy.push();
    expect(code).not.toBe(0);
    expect(text).toContain("ConfigMap default/settings leaves the repository with this commit");
    expect((await cluster.client.for(configMapResource).get("default", "settings")).data).toEqual({ level: "1" });
  });

  test("a repository may ask for warnings instead", async () => {
    await copy.commit({ "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nreferences: warn\n", "web.yaml": using("settings", "level") });
    const { code, text } = await copy.push();
    expect(code).toBe(0);
    expect(text).toContain("warning: web.yaml:19");
  });

  test("an object that no store would take is refused with the line that makes it so large, for a dry run never comes to the store", async () => {
    await copy.commit({ "web/d.yaml": `${deploymentYaml("web", 1)}          env:\n            - name: BLOB\n              value: "${"x".repeat(1_600_000)}"\n` });
    const { code, text } = await copy.push();
    expect(code).not.toBe(0);
    expect(text).toMatch(/web\/d\.yaml:18 spec\.template\.spec\.containers\[0\]\.env\[0\]\.value: the object takes 160\d{4} bytes in the store, where none may take more than 1568768/);
    await copy.commit({ "web/d.yaml": deploymentYaml("web", 1) });
    expect((await copy.push()).code).toBe(0);
  });

  test("what it lacks because no application has the file is told together with the file's folder", async () => {
    const config = "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits: [{path: apps/*}]\n";
    await copy.commit({ "mainstay.yaml": config, "infra/base/ns.yaml": namespaceYaml("shop"), "apps/a/a.yaml": configMapYaml("a").replace("  name: a\n", "  name: a\n  namespace: shop\n") });
    const { code, text } = await copy.push();
    expect(code).not.toBe(0);
    expect(text).toContain("there is no Namespace shop");
    expect(text).toContain("note: manifests of no application are left out: infra (1)");
  });

  test("a quota that only all objects together exceed refuses it", async () => {
    const quotas = catalog.find((resource) => resource.kind === "ResourceQuota");
    if (quotas === undefined) throw new Error("ResourceQuota is not served");
    await copy.commit({ "ns.yaml": namespaceYaml("shop") });
    expect((await copy.push()).code).toBe(0);
    const quota = await cluster.client.for(quotas).create({ apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "few", namespace: "shop" }, spec: { hard: { configmaps: "4" } } } as never);
    await cluster.client.for(quotas).updateStatus({ ...quota, status: { hard: { configmaps: "4" }, used: { configmaps: "2" } } } as never);
    const inShop = (name: string) => configMapYaml(name).replace("metadata:\n", "metadata:\n  namespace: shop\n");
    await copy.commit({ "a.yaml": inShop("a") });
    expect((await copy.push()).code).toBe(0);
    await copy.commit({ "b.yaml": inShop("b"), "c.yaml": inShop("c") });
    const { code, text } = await copy.push();
    expect(code).not.toBe(0);
    expect(text).toContain("quota shop/few: configmaps 3 → 5 of 4; raise the quota, or create fewer");
  });

  test("a selector cannot change in place (pain 14): refused with the trailer to give, unless mainstay.yaml or the object allows it", async () => {
    const selecting = (label: string, annotations = "") => deploymentYaml("web", 1).replaceAll("app: web", `app: ${label}`).replace("metadata:\n", `metadata:\n${annotations}`);
    await copy.commit({ "web.yaml": selecting("one") });
    expect((await copy.push()).code).toBe(0);
    const uid = async () => (await cluster.client.for(deploymentResource).get("default", "web")).metadata.uid;
    const first = await uid();
    await copy.commit({ "web.yaml": selecting("two") });
    const refused = await copy.push();
    expect(refused.text).toMatch(
      /web\.yaml:\d+ spec\.selector: cannot change in place; to delete Deployment default\/web and make it anew, say so in the commit message: .*Allow-Replace: Deployment\/web/,
    );
    await copy.commit({ "web.yaml": selecting("two", "  annotations: {mainstay.dev/replace: never}\n") });
    expect((await copy.push()).text).toContain("mainstay.dev/replace is never; undo the change");
    await copy.commit({ "web.yaml": selecting("two"), "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits:\n- {path: ., replace: [Deployment]}\n" });
    const replaced = await copy.push();
    expect(replaced.text).toContain("± Deployment default/web: deleted and made anew (spec.selector cannot change in place)");
    await eventually("another Deployment", async () => (await uid()) !== first);
  });
});

describe("ownership", () => {
  test("what was in the cluster before is adopted, and a folder's new name moves objects without deleting them (pain 11)", async () => {
    const made = await cluster.client.for(configMapResource).create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "default" }, data: { key: "old" } });
    await copy.commit({ "apps/one/a.yaml": configMapYaml("a") });
    const adopted = await copy.push();
    expect(adopted.text).toContain("adopted: it was in the cluster, but not from Git");
    await copy.git("mv", "apps/one", "apps/two");
    await copy.commit({});
    const moved = await copy.push();
    expect(moved.text).toContain("~ ConfigMap default/a: now from apps/two/a.yaml:1 (moves here from one)");
    expect((await cluster.client.for(configMapResource).get("default", "a")).metadata.uid).toBe(made.metadata.uid);
    await eventually(
      "the old application to be gone",
      () =>
        cluster.gitops
          .applications()
          .map((app) => app.name)
          .join() === "two",
    );
  });
});

describe("what leaves", () => {
  test("and is held by a finalizer is shown with what it waits for, until it is gone", async () => {
    const held = configMapYaml("held").replace("  name: held", "  name: held\n  finalizers: [example.org/hold]");
    await copy.commit({ "apps/a/held.yaml": held, "apps/a/b.yaml": configMapYaml("b") });
    await copy.push();
    await copy.commit({ "apps/a/held.yaml": undefined });
    expect((await copy.push()).text).toContain("- ConfigMap default/held");
    const kept = () => cluster.gitops.applications()[0]?.kept;
    await eventually("the wait to be shown", () => kept()?.[0] === "ConfigMap default/held: it is being deleted, and waits for example.org/hold");
    await copy.commit({ "README.md": "unrelated\n" });
    await copy.push();
    expect(kept()).toEqual(["ConfigMap default/held: it is being deleted, and waits for example.org/hold"]);
    await cluster.client.for(configMapResource).patch("default", "held", "merge", { metadata: { finalizers: [] } });
    await eventually("nothing to be kept", () => kept()?.length === 0);
  });
});
