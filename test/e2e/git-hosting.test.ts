import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { namespaceResource } from "../../engine/resources/core/namespace.ts";
import { secretResource } from "../../engine/resources/core/secret.ts";
import { serviceAccountResource } from "../../engine/resources/core/service-account.ts";
import { repositoryResource } from "../../engine/resources/mainstay/repository.ts";
import { clusterRoleBindingResource } from "../../engine/resources/rbac/cluster-role-binding.ts";
import { clusterRoleResource } from "../../engine/resources/rbac/cluster-role.ts";
import { configMapYaml } from "../kit/git.ts";
import { startGitCluster, type GitCluster, type WorkingCopy } from "../kit/git-cluster.ts";

const CONFIG = "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nprotectedBranches: [release/*]\nteams:\n- {name: shop, paths: [apps/shop], members: ['user:system:serviceaccount:default:pusher']}\nstatus: {minInterval: 100ms}\n";
const file = (name: string, value = "1") => ({ [`apps/${name}/${name}.yaml`]: configMapYaml(name, { key: value }) });
const value = async (name: string) => (await cluster.client.for(configMapResource).get("default", name).catch(() => undefined))?.data?.["key"];

let cluster: GitCluster;
const tokens = new Map<string, string>();
const copies = new Map<string, WorkingCopy>();
/** A clone by someone, made once. */
async function copyOf(user: string): Promise<WorkingCopy> {
  const known = copies.get(user) ?? (await cluster.clone(user, { password: tokens.get(user) ?? user }));
  copies.set(user, known);
  await known.git("fetch", "-q");
  await known.git("reset", "-q", "--hard", "origin/main");
  return known;
}

beforeAll(async () => {
  cluster = await startGitCluster({ allowsAnonymous: false });
  const { client } = cluster;
  await client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "mainstay-system" } });
  for (const [name, verbs] of [["reader", ["fetch"]], ["proposer", ["propose"]], ["pusher", ["push"]], ["owner", ["*"]], ["stranger", []]] as const) {
    const { metadata: { uid = "" } } = await client.for(serviceAccountResource).create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: "default" } });
    tokens.set(name, (await cluster.api.server.parts.tokens.issue({ namespace: "default", serviceaccount: { name, uid } }, cluster.api.server.parts.tokens.audiences, 3600)).token);
    await client.for(clusterRoleResource).create({ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name }, rules: verbs.length === 0 ? [] : [{ apiGroups: ["mainstay.dev"], resources: ["repositories"], resourceNames: ["local"], verbs: [...verbs] }] });
    await client.for(clusterRoleBindingResource).create({ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRoleBinding", metadata: { name }, roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name }, subjects: [{ kind: "ServiceAccount", name, namespace: "default" }] });
  }
  const first = await cluster.clone("owner", { password: tokens.get("owner") ?? "" });
  copies.set("owner", first);
  await first.commit({ "mainstay.yaml": CONFIG, ...file("web") }, "first");
  const result = await first.push();
  expect(result.code, result.text).toBe(0);
});
afterAll(() => cluster[Symbol.asyncDispose]());

describe("a hosted repository that asks who comes", () => {
  test("lets in nobody without a token or with a wrong one, and says how to get one", async () => {
    const anonymous = await cluster.git(".", "clone", cluster.gitops.gitUrl ?? "", "anonymous");
    expect(anonymous).toMatchObject({ code: 128 });
    expect(anonymous.text).toMatch(/remote: this repository is not open to everyone: log in with any user name and, as password, a token of the cluster \(kubectl create token NAME\)|could not read Username/);
    const wrong = await cluster.git(".", "clone", (cluster.gitops.gitUrl ?? "").replace("://", "://a:wrong@"), "wrong");
    expect(wrong.text).toContain("Authentication failed");
    const answer = await fetch(`${cluster.gitops.gitUrl}/info/refs?service=git-upload-pack`);
    expect([answer.status, answer.headers.get("www-authenticate"), await answer.text()]).toEqual([401, 'Basic realm="Mainstay Git", charset="UTF-8"', expect.stringContaining("not open to everyone")]);
  });

  test("gives each user of the API what roles give on it, and says which verb is missing", async () => {
    const stranger = await cluster.git(".", "clone", (cluster.gitops.gitUrl ?? "").replace("://", `://a:${tokens.get("stranger")}@`), "stranger");
    expect(stranger.text).toContain("remote: system:serviceaccount:default:stranger may not read repository local, or there is none; that takes the verb fetch on repositories.mainstay.dev");
    const reader = await copyOf("reader");
    await reader.commit(file("web", "2"));
    const refused = await reader.push();
    expect(refused.code).not.toBe(0);
    expect(refused.text).toContain("remote: system:serviceaccount:default:reader may read repository local, but not push to it");
    const proposer = await copyOf("proposer");
    await proposer.commit(file("web", "3"));
    expect((await proposer.push()).text).toContain("remote: refused: main: system:serviceaccount:default:proposer may not push repository local; push a branch of another name for others to merge");
    const branch = await proposer.git("push", "origin", "HEAD:more");
    expect(branch.code, branch.text).toBe(0);
    expect(branch.text).toContain("remote: if more were merged:");
    expect(await value("web")).toBe("1");
  });

  test("tells who pushed wherever it tells who wrote, over a restart, and a team may consist of those who push", async () => {
    const owner = await copyOf("owner");
    await owner.commit(file("shop"));
    expect((await owner.push()).text).toMatch(/changed by ada@example\.org in [0-9a-f]{10}, pushed by system:serviceaccount:default:owner, but it belongs to team shop/);
    const pusher = await copyOf("pusher");
    await pusher.commit(file("shop"), "open the shop");
    const result = await pusher.push();
    expect(result.code, result.text).toBe(0);
    const told = { author: "pusher", pusher: "system:serviceaccount:default:pusher", subject: "open the shop" };
    expect(cluster.gitops.facts().deploys[0]).toMatchObject(told);
    expect((await cluster.client.for(repositoryResource).get("", "local")).observed).toMatchObject({ pusher: told.pusher });
    await cluster.stopGitOps();
    await cluster.startGitOps();
    await cluster.gitops.firstSyncHealthy;
    expect(cluster.gitops.facts().deploys[0]).toMatchObject(told);
    expect(cluster.gitops.facts().sync.state).toBe("applied");
  });

  test("takes deploy keys, which read only unless they say otherwise, from the moment they are there until they are gone", async () => {
    const secrets = cluster.client.for(secretResource);
    const url = (cluster.gitops.gitUrl ?? "").replace("://", "://key:k3y-of-the-build@");
    const look = () => cluster.git(".", "ls-remote", url, "refs/heads/main");
    expect((await look()).code).not.toBe(0);
    const secret = { apiVersion: "v1", kind: "Secret", type: "mainstay.dev/git-token", metadata: { name: "build", namespace: "mainstay-system" }, stringData: { token: "k3y-of-the-build", repository: "local" } } as const;
    await secrets.create(secret);
    expect(await look()).toMatchObject({ code: 0, text: expect.stringContaining("refs/heads/main") });
    const copy = await copyOf("owner");
    await copy.commit(file("web", "5"), "five");
    expect((await copy.git("push", url, "HEAD:main")).text).toContain("remote: mainstay:git-token:build may read repository local, but not push to it");
    await secrets.patch("mainstay-system", "build", "merge", { data: { access: Buffer.from("push").toString("base64") } });
    const pushed = await copy.git("push", url, "HEAD:main");
    expect(pushed.code, pushed.text).toBe(0);
    expect(cluster.gitops.facts().deploys[0]).toMatchObject({ subject: "five", pusher: "mainstay:git-token:build" });
    await secrets.delete("mainstay-system", "build");
    expect((await look()).text).toContain("Authentication failed");
  });

  test("keeps protected branches from being rewritten or deleted, but by the right to force and its option", async () => {
    const pusher = await copyOf("pusher");
    await pusher.git("push", "-q", "origin", "HEAD:release/1");
    expect((await pusher.git("push", "origin", ":release/1")).text).toContain("remote: refused: release/1 is protected and stays");
    await pusher.git("reset", "-q", "--hard", "HEAD~1");
    await pusher.commit(file("web", "6"), "another five");
    const rewrite = await pusher.push("--force", "-o", "force");
    expect(rewrite.text).toMatch(/remote: refused: this push would rewrite main and drop [0-9a-f]{10}; go forward with git pull --rebase, or go back with git revert *\n/);
    const owner = await copyOf("owner");
    await owner.git("reset", "-q", "--hard", "HEAD~1");
    await owner.commit(file("web", "7"), "rewritten");
    expect((await owner.push("--force")).text).toContain("; if it must be: git push --force -o force");
    const forced = await owner.push("--force", "-o", "force");
    expect(forced.code, forced.text).toBe(0);
    expect(await value("web")).toBe("7");
    expect((await owner.git("push", "-o", "force", "origin", ":release/1")).code).toBe(0);
    expect((await owner.git("push", "-o", "force", "origin", "HEAD:refs/mainstay/mine")).text).toContain("remote: refused: refs/mainstay/mine belongs to the system");
  });
});
