import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAuthority, issueCertificate } from "../../engine/auth/certificates.ts";
import { runGit } from "../../engine/gitops/git/native-git.ts";
import { createGitAccess } from "../../engine/gitops/push/git-access.ts";
import { startGitServer } from "../../engine/gitops/push/git-server.ts";
import { ChangingValue } from "../../engine/lib/changing-value.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { systemRandom } from "../../engine/lib/random.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { namespaceResource } from "../../engine/resources/core/namespace.ts";
import { secretResource } from "../../engine/resources/core/secret.ts";
import { serviceAccountResource } from "../../engine/resources/core/service-account.ts";
import { clusterRoleBindingResource } from "../../engine/resources/rbac/cluster-role-binding.ts";
import { clusterRoleResource } from "../../engine/resources/rbac/cluster-role.ts";
import { configMapYaml } from "../kit/git.ts";
import { startGitCluster, type GitCluster, type WorkingCopy } from "../kit/git-cluster.ts";

const CONFIG =
  "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nprotectedBranches: [release/*]\nteams:\n- {name: shop, paths: [apps/shop], members: ['user:system:serviceaccount:default:pusher']}\nstatus: {minInterval: 100ms}\n";
const file = (name: string, value = "1") => ({ [`apps/${name}/${name}.yaml`]: configMapYaml(name, { key: value }) });
const value = async (name: string) =>
  (
    await cluster.client
      .for(configMapResource)
      .get("default", name)
      .catch(() => undefined)
  )?.data?.["key"];

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
  for (const [name, verbs] of [
    ["reader", ["fetch"]],
    ["proposer", ["propose"]],
    ["pusher", ["push"]],
    ["owner", ["*"]],
    ["stranger", []],
  ] as const) {
    const {
      metadata: { uid = "" },
    } = await client.for(serviceAccountResource).create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: "default" } });
    tokens.set(name, (await cluster.api.server.parts.tokens.issue({ namespace: "default", serviceaccount: { name, uid } }, cluster.api.server.parts.tokens.audiences, 3600)).token);
    await client.for(clusterRoleResource).create({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name },
      rules: verbs.length === 0 ? [] : [{ apiGroups: ["mainstay.dev"], resources: ["repositories"], resourceNames: ["local"], verbs: [...verbs] }],
    });
    await client.for(clusterRoleBindingResource).create({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
      subjects: [{ kind: "ServiceAccount", name, namespace: "default" }],
    });
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
    expect(anonymous.text).toMatch(
      /remote: this repository is not open to everyone: log in with any user name and, as password, a token of the cluster \(kubectl create token NAME\)|could not read Username/,
    );
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
    expect(await cluster.observed()).toMatchObject({ pusher: told.pusher });
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
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      type: "mainstay.dev/git-token",
      metadata: { name: "build", namespace: "mainstay-system" },
      stringData: { token: "k3y-of-the-build", repository: "local" },
    } as const;
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
    expect(rewrite.text).toMatch(
      /remote: refused: this push would rewrite main and drop [0-9a-f]{10}; go forward with git pull --rebase, or go back with git revert; system:serviceaccount:default:pusher may not force repository local *\n/,
    );
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

  test("takes refs that are neither branches nor tags, as of a mirror, and says that nothing is done with them; but none that ask for a review", async () => {
    const copy = await copyOf("pusher");
    const kept = await copy.git("push", "origin", "HEAD:refs/notes/commits", "HEAD:refs/pull/1/head", "HEAD:refs/pull/2/head");
    expect(kept.code, kept.text).toBe(0);
    expect(kept.text).toMatch(/remote: note: refs\/pull\/1\/head and 1 more are neither branch nor tag: kept, but not planned and not deployed *\n/);
    expect((await copy.git("push", "origin", ":refs/pull/1/head", ":refs/pull/2/head")).text).not.toContain("note:");
    const latin = await copy.git("-c", `alias.latin=!git push origin "HEAD:refs/heads/$(printf 'caf\\351')"`, "latin");
    expect(latin.code, latin.text).toBe(0);
    expect(latin.text).toContain("remote: note: the name of refs/heads/caf\ufffd is not UTF-8: kept, but its plan is told here only");
    const below = await copy.git("push", "origin", "HEAD:main/below");
    expect(below.text).toMatch(/cannot lock ref 'refs\/heads\/main\/below'|'refs\/heads\/main' exists/);
    await copy.git("-c", "user.name=a", "-c", "user.email=a@example.org", "tag", "-a", "-m", "one", "v1");
    expect((await copy.git("push", "origin", "v1:refs/heads/v1-branch")).text).toContain("remote: refused: refs/heads/v1-branch would be a tag, and a branch is a commit");
    expect((await copy.git("push", "origin", "v1^{commit}:refs/heads/v1-branch", "v1")).code).toBe(0);
    const review = await copy.git("push", "origin", "HEAD:refs/for/main");
    expect(review.text).toContain("remote: refused: there are no reviews to push to refs/for/main; push a branch, which is planned at once: git push origin HEAD:refs/heads/my-change");
    expect(review.code).not.toBe(0);
  });
});

describe("native git over HTTP", () => {
  test("of pushes at the same moment, those that do not meet all land, and of those that do exactly one", async () => {
    const pushers = await Promise.all(["owner", "second", "third", "fourth"].map((name) => copies.get(name) ?? cluster.clone(name, { password: tokens.get("owner") ?? "" })));
    for (const [index, copy] of pushers.entries()) {
      await copy.git("fetch", "-q");
      await copy.git("reset", "-q", "--hard", "origin/main");
      await copy.commit(file("web", `by ${index}`), `by ${index}`);
    }
    const apart = await Promise.all(pushers.map((copy, index) => copy.git("push", "origin", `HEAD:topic-${index}`)));
    expect(
      apart.map(({ code }) => code),
      apart.map(({ text }) => text).join("\n"),
    ).toEqual([0, 0, 0, 0]);
    const together = await Promise.all(pushers.map((copy) => copy.push()));
    expect(
      together.filter(({ code }) => code === 0),
      together.map(({ text }) => text).join("\n"),
    ).toHaveLength(1);
    expect(await value("web")).toBe(`by ${together.findIndex(({ code }) => code === 0)}`);
    // Newer Git may say beside it that it left the password out of the address.
    const heads = (await pushers[0]?.git("ls-remote", "origin", "refs/heads/topic-*"))?.text.match(/^[0-9a-f]{40}\t/gm);
    expect(heads).toHaveLength(4);
  });

  test("pushes large packs in chunks, and clones and pushes with half of a history", async () => {
    const owner = await copyOf("owner");
    const megabytes = 56;
    // Noise does not shrink, however long it is tried.
    await owner.git("config", "core.compression", "0");
    for (let index = 0; index < megabytes / 8; index++) await writeFile(path.join(owner.folder, `noise-${index}`), randomBytes(8 << 20));
    await owner.commit({}, "much noise");
    const large = await owner.git("-c", "http.postBuffer=65536", "push", "origin", "HEAD:large");
    expect(large.code, large.text).toBe(0);
    expect((await runGit({ gitDir: path.join(cluster.folder, "data/git/cluster.git"), args: ["cat-file", "-s", "large:noise-6"] })).stdout.toString().trim()).toBe(String(8 << 20));
    const url = (cluster.gitops.gitUrl ?? "").replace("://", `://owner:${tokens.get("owner")}@`);
    const cloned = await cluster.git(".", "clone", "-q", "--depth", "1", "--single-branch", url, "shallow");
    expect(cloned.code, cloned.text).toBe(0);
    expect((await cluster.git("shallow", "rev-list", "--count", "HEAD")).text.trim()).toBe("1");
    await writeFile(path.join(cluster.folder, "shallow/apps/web/web.yaml"), configMapYaml("web", { key: "shallow" }));
    await cluster.git("shallow", "-c", "user.name=a", "-c", "user.email=ada@example.org", "commit", "-qam", "from half of a history");
    const pushed = await cluster.git("shallow", "push", "origin", "HEAD:main");
    expect(pushed.code, pushed.text).toBe(0);
    expect(await value("web")).toBe("shallow");
    expect((await cluster.git("shallow", "fetch", "-q", "--unshallow")).code).toBe(0);
    expect((await cluster.git("shallow", "fsck", "--connectivity-only")).code).toBe(0);
  });

  test("goes over TLS beyond the loopback, with a certificate that is checked", async () => {
    const authority = await createAuthority("test", Date.now() - 60_000, Date.now() + 3_600_000);
    const issue = (commonName: string) =>
      issueCertificate(authority, { commonName, organizations: [], usage: "serving", ipAddresses: ["127.0.0.1"], dnsNames: [], notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 });
    const shown = new ChangingValue(await issue("git"));
    const stop = new AbortController();
    const server = await startGitServer({
      root: path.join(cluster.folder, "data/git"),
      address: "127.0.0.1",
      port: 0,
      logger: silentLogger,
      repositoryOf: () => "local",
      access: { users: createGitAccess(cluster.client, false), random: systemRandom },
      certificate: shown,
    });
    const running = server.run(stop.signal);
    try {
      await writeFile(path.join(cluster.folder, "ca.crt"), authority.certificate);
      const url = `https://reader:${tokens.get("reader")}@127.0.0.1:${server.port}/cluster.git`;
      expect(await cluster.git(".", "-c", "http.sslCAInfo=ca.crt", "ls-remote", url, "refs/heads/main")).toMatchObject({ code: 0, text: expect.stringContaining("refs/heads/main") });
      expect((await cluster.git(".", "ls-remote", url)).text).toMatch(/certificate/i);
      expect((await cluster.git(".", "ls-remote", url.replace("https", "http"))).text).toContain("remote: Client sent an HTTP request to an HTTPS server.");
      shown.set(await issue("renewed"));
      expect((await cluster.git(".", "-c", "http.sslCAInfo=ca.crt", "ls-remote", url, "refs/heads/main")).code).toBe(0);
      expect(await commonNameShown(server.port)).toBe("renewed");
      expect((await cluster.git(".", "-c", "http.sslCAInfo=ca.crt", "ls-remote", url.replace(/reader:[^@]*@/, ""))).code).not.toBe(0);
    } finally {
      stop.abort();
      await running;
    }
  });
});

/** Of the certificate that a server shows now. */
async function commonNameShown(port: number): Promise<string | undefined> {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  try {
    await once(socket, "secureConnect");
    return socket.getPeerCertificate().subject.CN?.toString();
  } finally {
    socket.destroy();
  }
}
