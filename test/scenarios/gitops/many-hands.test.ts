import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { jobResource } from "../../../engine/resources/batch/job.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { configMapYaml, deploymentYaml, namespaceYaml } from "../../kit/git.ts";
import { eventually, startGitCluster, type GitCluster, type WorkingCopy } from "../../kit/git-cluster.ts";

let cluster: GitCluster;
let copy: WorkingCopy;
beforeEach(async () => {
  cluster = await startGitCluster();
  copy = await cluster.clone();
});
afterEach(() => cluster[Symbol.asyncDispose]());

const config = (text: string) => `apiVersion: mainstay.dev/v1alpha1\nkind: Repository\n${text}`;
async function push(files: Readonly<Record<string, string | undefined>>): Promise<{ code: number; text: string }> {
  await copy.commit(files);
  return copy.push();
}

describe("an application that runs as a ServiceAccount", () => {
  const account = `${namespaceYaml("shop")}---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: deployer, namespace: shop}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: deployer, namespace: shop}\nrules:\n- {apiGroups: [""], resources: [configmaps], verbs: [get, list, create, update, patch, delete]}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: deployer, namespace: shop}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}\nsubjects: [{kind: ServiceAccount, name: deployer, namespace: shop}]\n`;

  test("may hold what the account's roles allow, in its namespace, and nothing else", async () => {
    const first = await push({ "mainstay.yaml": config("units:\n- {path: base}\n- {path: shop, namespace: shop, serviceAccount: deployer, drift: refuse}\n"), "base/rights.yaml": account });
    expect(first.code, first.text).toBe(0);
    expect((await push({ "shop/a.yaml": configMapYaml("a") })).code).toBe(0);
    expect((await cluster.client.for(configMapResource).get("shop", "a")).metadata.labels).toEqual({ "mainstay.dev/application": "shop" });

    expect((await push({ "shop/a.yaml": configMapYaml("a", { key: "2" }) })).code).toBe(0);
    // The account itself is bound by the policy like everyone else.
    const itself = cluster.api.as("system:serviceaccount:shop:deployer", ["system:authenticated"]).for(configMapResource);
    await expect(itself.patch("shop", "a", "merge", { data: { key: "3" } })).rejects.toThrow("data.key comes from Git: edit shop/a.yaml:6");

    const refused = await push({ "shop/web.yaml": deploymentYaml("web", 1), "shop/elsewhere.yaml": configMapYaml("b").replace("metadata:\n", "metadata:\n  namespace: default\n") });
    expect(refused.code).not.toBe(0);
    expect(refused.text).toMatch(
      /shop\/elsewhere\.yaml:1 configmaps "b" is forbidden: User "system:serviceaccount:shop:deployer" cannot patch resource "configmaps" in API group "" in the namespace "default"/,
    );
    expect(refused.text).toMatch(/shop\/web\.yaml:1 deployments\.apps "web" is forbidden/);

    expect((await push({ "shop/web.yaml": undefined, "shop/elsewhere.yaml": undefined, "shop/a.yaml": undefined })).code).toBe(0);
    await eventually("the object to be pruned by the account", async () => (await cluster.client.for(configMapResource).list("shop")).items.every((map) => map.metadata.name !== "a"));
  });
});

test("a hook that is done and that its application's account may not delete stays, and holds up nobody's health", async () => {
  const account = `${namespaceYaml("shop")}---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: deployer, namespace: shop}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: deployer, namespace: shop}\nrules:\n- {apiGroups: [batch], resources: [jobs], verbs: [get, list, create, update, patch]}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: deployer, namespace: shop}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}\nsubjects: [{kind: ServiceAccount, name: deployer, namespace: shop}]\n`;
  const hook =
    "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: check\n  annotations: {argocd.argoproj.io/hook: PostSync, argocd.argoproj.io/hook-delete-policy: HookSucceeded}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: mainstay.local/c:1}]}}}\n";
  await push({ "mainstay.yaml": config("units:\n- {path: base}\n- {path: shop, namespace: shop, serviceAccount: deployer}\n"), "base/rights.yaml": account });
  await copy.commit({ "shop/check.yaml": hook });
  expect((await copy.push("-o", "no-wait")).code).toBe(0);
  const jobs = cluster.client.for(jobResource);
  const job = await eventually("the hook", async () => (await jobs.list("shop")).items[0]);
  const time = "2026-01-01T00:00:00Z";
  await jobs.updateStatus({
    ...job,
    status: { startTime: time, completionTime: time, succeeded: 1, conditions: ["SuccessCriteriaMet", "Complete"].map((type) => ({ type, status: "True", lastTransitionTime: time })) },
  });
  await copy.commit({ "base/a.yaml": configMapYaml("a") });
  expect((await copy.push("-o", "wait=10s")).text).toContain("healthy after");
  expect((await jobs.list("shop")).items).toHaveLength(1);
});

describe("bounds", () => {
  test("keep a folder within namespaces and kinds, and the refusal names the rule", async () => {
    const refused = await push({
      "mainstay.yaml": config("units:\n- {path: shop, namespace: shop-a, bounds: {namespaces: [shop-*]}}\n- {path: maps, bounds: {kinds: [ConfigMap]}}\n"),
      "shop/ns.yaml": `${namespaceYaml("shop-a")}---\n${namespaceYaml("other")}`,
      "shop/a.yaml": configMapYaml("a"),
      "shop/b.yaml": configMapYaml("b").replace("metadata:\n", "metadata:\n  namespace: default\n"),
      "maps/d.yaml": deploymentYaml("web", 1),
      "maps/c.yaml": configMapYaml("c"),
    });
    expect(
      refused.text
        .split("\n")
        .map((line) => line.replace("remote: ", "").trim())
        .filter((line) => /\.yaml:\d+ /.test(line)),
    ).toEqual([
      "maps/d.yaml:1 Deployment lies outside of the bounds of maps: bounds.kinds has ConfigMap",
      "shop/b.yaml:1 namespace default lies outside of the bounds of shop: bounds.namespaces has shop-*",
      expect.stringContaining("shop/ns.yaml:6 Namespace other, which belongs to the whole cluster, lies outside of the bounds of shop: bounds.namespaces has shop-*"),
    ]);
  });
});

describe("teams", () => {
  const as = (email: string, ...args: readonly string[]) => copy.git("-c", `user.name=${email}`, "-c", `user.email=${email}`, ...args);
  async function commitAs(email: string, files: Readonly<Record<string, string | undefined>>): Promise<void> {
    await copy.commit(files);
    await as(email, "commit", "-q", "--amend", "--no-edit", "--reset-author");
  }

  test("own folders: others' commits are refused by the rules of the commit before, merges by what they add themselves", async () => {
    const teams = config(
      'units: [{path: "apps/*"}]\nteams:\n- {name: shop, paths: [apps/shop-*], members: ["*@shop.example.org"]}\n- {name: platform, paths: [mainstay.yaml], members: [ada@example.org]}\n',
    );
    const first = await push({ "mainstay.yaml": teams, "apps/free/a.yaml": configMapYaml("free") });
    expect(first.code, first.text).toBe(0);

    await commitAs("eve@example.org", { "apps/shop-web/a.yaml": configMapYaml("shop"), "apps/free/a.yaml": configMapYaml("free", { key: "2" }) });
    expect((await copy.push()).text).toMatch(/apps\/shop-web\/a\.yaml:1 changed by eve@example\.org in [0-9a-f]{10}, but it belongs to team shop/);
    // Letting oneself in, and putting a friend's commit on top.
    await commitAs("eve@example.org", { "mainstay.yaml": teams.replace("*@shop", "*@") });
    await commitAs("bob@shop.example.org", { "apps/shop-web/a.yaml": configMapYaml("shop", { key: "3" }) });
    const still = await copy.push();
    expect(still.text).toContain("mainstay.yaml:1 changed by eve@example.org");
    expect(still.text).toContain("apps/shop-web/a.yaml:1 changed by eve@example.org");
    await copy.git("reset", "-q", "--hard", "origin/main");

    await copy.git("checkout", "-q", "-b", "topic");
    await commitAs("Bob@Shop.example.org", { "apps/shop-web/a.yaml": configMapYaml("shop") });
    await copy.git("checkout", "-q", "-");
    await commitAs("eve@example.org", { "apps/free/a.yaml": configMapYaml("free", { key: "3" }) });
    await as("eve@example.org", "merge", "-q", "--no-edit", "topic");
    const merged = await copy.push();
    expect(merged.code, merged.text).toBe(0);
  });

  test("own folders also where a push has more commits than are read, or one that cannot be", async () => {
    await push({ "mainstay.yaml": config('units: [{path: "apps/*"}]\nteams:\n- {name: shop, paths: [apps/shop-*], members: ["*@shop.example.org"]}\n'), "apps/free/a.yaml": configMapYaml("free") });
    const base = await copy.head();
    const map = `M 100644 inline apps/shop-web/a.yaml\ndata ${configMapYaml("shop").length}\n${configMapYaml("shop")}\n`;
    const commit = (message = "m", into = "eve") => `commit refs/heads/${into}\ncommitter eve <eve@example.org> 1767225600 +0000\ndata ${message.length}\n${message}\n`;
    const on = async (commits: string, pushed = "eve") => {
      const input = `reset refs/heads/eve\nfrom ${base}\n\n${commit("c")}${map}${commits}`;
      execFileSync("git", ["-C", copy.folder, "fast-import", "--quiet", "--force"], { input });
      return copy.push("origin", `refs/heads/${pushed}:main`);
    };
    const refusal = /apps\/shop-web\/a\.yaml:1 changed by eve@example\.org in [0-9a-f]{10}, but it belongs to team shop/;
    expect((await on(commit().repeat(250))).text).toMatch(refusal);
    expect((await on(`${commit().repeat(250)}${commit("merge", "merged")}from ${base}\nmerge refs/heads/eve\n${map}`, "merged")).text).toMatch(refusal);
    expect((await on(`${commit("m".repeat(17 << 20))}${commit()}`)).text).toMatch(/refused: the push could not be checked: .*at most 16777216 \(16 MiB\) are allowed/);
  });
});

test("who pushes several branches at once learns why the good ones are refused with the bad one", async () => {
  await push({ "apps/a/a.yaml": configMapYaml("a") });
  await copy.commit({ "apps/a/b.yaml": configMapYaml("b") });
  const good = await copy.head();
  await copy.commit({ "apps/a/b.yaml": "{" });
  const several = await copy.push("origin", "HEAD:main", `${good}:refs/heads/good`);
  expect(several.text).toMatch(/refused: 1 problem;[^]*a push is taken as a whole: of its 2 branches and tags nothing has moved; those that are right can be pushed by themselves/);
  const alone = await copy.push("origin", "HEAD:main");
  expect(alone.text).toContain("refused: 1 problem");
  expect(alone.text).not.toContain("as a whole");
  expect((await copy.push("origin", `${good}:refs/heads/good`)).code).toBe(0);
});
