import { createHmac } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { eventResource } from "../../../engine/resources/core/event.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import { serviceAccountResource } from "../../../engine/resources/core/service-account.ts";
import { applicationResource } from "../../../engine/resources/mainstay/application.ts";
import { repositoryResource } from "../../../engine/resources/mainstay/repository.ts";
import { configMapYaml, createTestRepository, deploymentYaml, namespaceYaml, type TestRepository } from "../../kit/git.ts";
import { eventually, startGitCluster, type GitCluster, type WorkingCopy } from "../../kit/git-cluster.ts";

let remote: TestRepository;
let cluster: GitCluster;
let own: WorkingCopy;
beforeEach(async () => {
  remote = await createTestRepository();
  cluster = await startGitCluster({ webhook: { address: "127.0.0.1", port: 0 } });
  own = await cluster.clone("own");
});
afterEach(async () => {
  await cluster[Symbol.asyncDispose]();
  remote[Symbol.dispose]();
});

const HEAD = "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nstatus: {minInterval: 50ms}\n";
const config = (...sources: readonly string[]) => ({ "mainstay.yaml": `${HEAD}sources:\n${sources.map((source) => `- ${source}\n`).join("")}` });
const SHOP = "{name: shop, namespace: shop, bounds: {namespaces: [shop]}}";
const ownWeb = { "apps/web/web.yaml": configMapYaml("web") };
async function pushed(copy: WorkingCopy, files: Readonly<Record<string, string | undefined>>, message = "change"): Promise<string> {
  await copy.commit(files, message);
  const { code, text } = await copy.push();
  expect(code, text).toBe(0);
  return text;
}
async function refused(copy: WorkingCopy, files: Readonly<Record<string, string | undefined>>, message = "change"): Promise<string> {
  await copy.commit(files, message);
  const { code, text } = await copy.push();
  expect(code, text).toBe(1);
  await copy.git("reset", "-q", "--hard", "HEAD~1");
  return text;
}
const maps = async (namespace: string) =>
  (await cluster.client.for(configMapResource).list(namespace)).items
    .map(({ metadata }) => metadata.name)
    .sort()
    .join(",");
const hostedUrl = (name: string) => (cluster.gitops.gitUrl ?? "").replace("cluster.git", `${name}.git`);
async function cloneOf(name: string): Promise<WorkingCopy> {
  await eventually(`the repository ${name}`, async () => (await cluster.git(".", "ls-remote", hostedUrl(name))).code === 0);
  return cluster.clone(name, { url: hostedUrl(name) });
}
const repositories = () => cluster.gitops.facts().repositories ?? [];
const stateOf = (name: string) => repositories().find((one) => one.name === name);

describe("a cluster of several repositories", () => {
  test("hosts and follows them beside its own, each with its applications, its commits and its status", async () => {
    await remote.commit({ "deploy/apps/tool/tool.yaml": configMapYaml("tool"), "other/x.yaml": "kind: Broken" });
    await pushed(own, { ...config(SHOP, `{name: tools, url: ${remote.gitDir}, path: deploy, interval: 50ms, status: true}`), ...ownWeb, "apps/shop-space/n.yaml": namespaceYaml("shop") });
    const shop = await cloneOf("shop");
    const text = await pushed(shop, { "mainstay.yaml": HEAD, "apps/web/web.yaml": deploymentYaml("web") }, "open the shop");
    expect(text).toMatch(/remote: \+ Deployment shop\/web/);
    expect(text).toMatch(/remote: ✓ shop\.web Healthy 3\/3/);
    await eventually("the tool", async () => (await maps("default")) === "tool,web");
    const applications = await eventually("three applications and the namespace", async () => {
      const { items } = await cluster.client.for(applicationResource).list("");
      return items.length === 4 && items.every(({ status }) => status?.health === "Healthy") ? items : undefined;
    });
    expect(applications.map(({ metadata, spec }) => [metadata.name, metadata.labels?.["mainstay.dev/repository"], spec?.repository])).toEqual([
      ["shop-space", undefined, cluster.gitops.gitUrl],
      ["shop.web", "shop", hostedUrl("shop")],
      ["tools.tool", "tools", remote.gitDir],
      ["web", undefined, cluster.gitops.gitUrl],
    ]);
    const objects = (await cluster.client.for(repositoryResource).list("")).items;
    expect(objects.map(({ metadata, observed }) => [metadata.name, observed?.commit, observed?.result])).toEqual([
      ["local", await own.head(), "applied"],
      ["shop", await shop.head(), "applied"],
      ["tools", await remote.tip(), "applied"],
    ]);
    // Each repository's status branch tells of its own commits; the cluster's tells of all that runs.
    const readme = async (copy: WorkingCopy, ...parts: string[]) =>
      eventually(`${parts.join(", ")} on the page`, async () => {
        await copy.git("fetch", "-q");
        const page = (await copy.git("show", "origin/status/local:README.md")).text;
        return parts.every((part) => page.includes(part)) ? page : undefined;
      });
    expect(await readme(shop, "[shop.web](apps/shop.web.md)")).not.toContain("tools");
    await readme(own, "| tools | applied |", "## Repositories", "1/1 healthy", "[web](apps/web.md)", "[shop.web](apps/shop.web.md)", "open the shop");
    await eventually("the status of the followed one", () => remote.tip("status/local"));
    const event = await cluster.client.for(configMapResource).get("default", "tool");
    expect(event.metadata.annotations?.["mainstay.dev/source"]).toBe("tools//deploy/apps/tool/tool.yaml:1");
  });

  test("stores a commit of each as one revision, plans its branches by themselves, and starts again with the same story", async () => {
    await pushed(own, { ...config(SHOP), ...ownWeb, "apps/shop-space/n.yaml": namespaceYaml("shop") });
    const shop = await cloneOf("shop");
    await pushed(shop, { "apps/web/a.yaml": configMapYaml("a"), "apps/web/b.yaml": configMapYaml("b"), "apps/api/c.yaml": configMapYaml("c") });
    const stored = (await cluster.client.for(configMapResource).list("shop")).items;
    expect(new Set(stored.map(({ metadata }) => metadata.resourceVersion)).size).toBe(1);
    await shop.commit({ "apps/web/a.yaml": configMapYaml("a", { key: "2" }) });
    expect((await shop.git("push", "origin", "HEAD:more")).text).toContain("remote: if more were merged:");
    const before = JSON.stringify(stored);
    await cluster.stopGitOps();
    await cluster.startGitOps();
    await eventually("the shop to be followed again", () => stateOf("shop")?.state === "applied" && stateOf("shop")?.healthy === 2);
    expect(JSON.stringify((await cluster.client.for(configMapResource).list("shop")).items)).toBe(before);
    await shop.git("reset", "-q", "--hard", "HEAD~1");
    await pushed(shop, { "apps/web/b.yaml": undefined });
    expect(await maps("shop")).toBe("a,c");
  });

  test("refuses an object that another repository has, lets one be moved, and prunes only what is its own", async () => {
    await pushed(own, { ...config("{name: shop}"), ...ownWeb });
    const shop = await cloneOf("shop");
    await pushed(shop, { "apps/web/mine.yaml": configMapYaml("mine") });
    expect(await refused(shop, { "apps/web/web.yaml": configMapYaml("web") })).toMatch(
      /remote: apps\/web\/web\.yaml:1 ConfigMap default\/web belongs to application web of the cluster's own repository \(apps\/web\/web\.yaml:1\); take it out there first/,
    );
    expect(await refused(own, { "apps/web/mine.yaml": configMapYaml("mine") })).toMatch(/ConfigMap default\/mine belongs to application shop\.web of repository shop \(apps\/web\/mine\.yaml:1\)/);
    // A move: kept while it belongs to nobody, then taken over by the other.
    await pushed(own, { "apps/web/web.yaml": configMapYaml("web").replace("  name: web", "  name: web\n  annotations: {mainstay.dev/prune: disabled}"), "apps/web/rest.yaml": configMapYaml("rest") });
    await pushed(own, { "apps/web/web.yaml": undefined });
    const { uid } = (await cluster.client.for(configMapResource).get("default", "web")).metadata;
    await pushed(shop, { "apps/web/web.yaml": configMapYaml("web", { key: "moved" }) });
    await pushed(own, { "apps/web/rest.yaml": configMapYaml("rest", { key: "2" }) });
    const moved = await cluster.client.for(configMapResource).get("default", "web");
    expect(moved).toMatchObject({ metadata: { uid, labels: { "mainstay.dev/application": "shop.web" } }, data: { key: "moved" } });
    expect(await maps("default")).toBe("mine,rest,web");
  });

  test("holds each to what its own rules say about it, whatever its mainstay.yaml says", async () => {
    await pushed(own, {
      ...config("{name: shop, namespace: shop, serviceAccount: deployer, bounds: {namespaces: [shop]}}"),
      "apps/shop-space/n.yaml": namespaceYaml("shop"),
      "apps/shop-space/sa.yaml": "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: deployer, namespace: shop}\n",
    });
    const shop = await cloneOf("shop");
    await pushed(shop, { "README.md": "# Shop" });
    expect(await refused(shop, { "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits: [{path: apps/*, namespace: default}]\n", ...ownWeb })).toMatch(
      /namespace default lies outside of the bounds of shop\.web: bounds\.namespaces has shop/,
    );
    expect(await refused(shop, { ...config("{name: more}"), ...ownWeb })).toContain("only the cluster's own repository may name further ones");
    expect(await refused(shop, { "mainstay.yaml": `${HEAD}notifications: [{name: chat, secret: kube-system/s}]\n`, ...ownWeb })).toContain(
      "the Secret kube-system/s lies outside of the bounds of source shop",
    );
    // The account may do nothing yet.
    expect(await refused(shop, ownWeb)).toMatch(/system:serviceaccount:shop:deployer.*cannot/);
    await pushed(own, {
      "apps/shop-space/role.yaml":
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: deployer, namespace: shop}\nrules: [{apiGroups: [''], resources: [configmaps], verbs: ['*']}]\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: deployer, namespace: shop}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}\nsubjects: [{kind: ServiceAccount, name: deployer, namespace: shop}]\n",
    });
    await pushed(shop, ownWeb);
    expect(await maps("shop")).toBe("web");
    expect(await cluster.client.for(serviceAccountResource).get("shop", "deployer")).toBeDefined();
  });

  test("takes away what a source leaves behind, by the rules for deletions, and its repository comes back with all it had", async () => {
    await pushed(own, { ...config("{name: shop}"), ...ownWeb });
    const shop = await cloneOf("shop");
    await pushed(shop, Object.fromEntries(["a", "b", "c", "d", "e", "f"].map((name) => [`apps/web/${name}.yaml`, configMapYaml(name)])));
    const without = { "mainstay.yaml": HEAD };
    expect(await refused(own, without)).toMatch(/deletes 6 of the 6 objects of shop\.web, more than 20 %; to delete them, .*Allow-Delete: shop\.web/);
    expect(await maps("default")).toBe("a,b,c,d,e,f,web");
    await pushed(own, without, "close the shop\n\nAllow-Delete: shop.web\n");
    await eventually("it is all gone", async () => (await maps("default")) === "web" && (await cluster.client.for(applicationResource).list("")).items.length === 1);
    await eventually("its repository object to be gone", async () => (await cluster.client.for(repositoryResource).list("")).items.length === 1);
    expect((await shop.git("fetch")).text).toContain("or there is none");
    await pushed(own, config("{name: shop}"));
    await eventually("it is all back", async () => (await maps("default")) === "a,b,c,d,e,f,web");
    await eventually("one healthy application of it", () => stateOf("shop")?.healthy === 1);
  });

  test("goes on with the others when one cannot be reached or has a bad commit, and says which", async () => {
    await remote.commit({ "a.yaml": configMapYaml("a") });
    await pushed(own, { ...config(`{name: good, url: ${remote.gitDir}, interval: 50ms}`, "{name: bad, url: /nowhere/at/all.git, interval: 50ms}"), ...ownWeb });
    await eventually("the good one", async () => (await maps("default")) === "a,web");
    await eventually("the bad one to be told of", () => stateOf("bad")?.state === "unreachable");
    const bad = await remote.commit({ "b.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: 5\n" });
    await eventually("the rejected commit to be told of", () => stateOf("good")?.state === "rejected" && stateOf("good")?.message?.includes("b.yaml:4") === true);
    expect((await cluster.client.for(repositoryResource).get("", "good")).observed).toMatchObject({ result: "rejected", message: expect.stringContaining(bad.slice(0, 10)) });
    expect(cluster.gitops.facts().sync.state).toBe("applied");
    expect((await cluster.client.for(eventResource).list("")).items.filter(({ type }) => type === "Warning")).toEqual([]);
  });

  test("is woken by webhooks for the one that was pushed to, each with the secret of its own", async () => {
    const { client } = cluster;
    await client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "mainstay-system" } });
    await client.for(secretResource).create({ apiVersion: "v1", kind: "Secret", metadata: { name: "tools", namespace: "mainstay-system" }, stringData: { webhookSecret: "of-tools" } });
    await remote.commit({ "a.yaml": configMapYaml("a") });
    await pushed(own, config(`{name: tools, url: ${remote.gitDir}, interval: 1h, secret: mainstay-system/tools}`));
    await eventually("its first commit", async () => (await maps("default")) === "a");
    await remote.commit({ "b.yaml": configMapYaml("b") });
    const post = async (path: string, secret: string) =>
      (
        await fetch(`http://127.0.0.1:${cluster.gitops.webhookPort}${path}`, {
          method: "POST",
          body: "{}",
          headers: { "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update("{}").digest("hex")}` },
        })
      ).status;
    expect(await post("/hook", "of-tools")).toBe(503);
    expect(await post("/hook/others", "of-tools")).toBe(404);
    expect(await post("/hook/tools", "guessed")).toBe(401);
    expect(await maps("default")).toBe("a");
    expect(await post("/hook/tools", "of-tools")).toBe(202);
    await eventually("its second commit", async () => (await maps("default")) === "a,b");
  });
});
