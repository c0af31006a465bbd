import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { deploymentResource } from "../../engine/resources/apps/deployment.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { eventResource } from "../../engine/resources/core/event.ts";
import { namespaceResource } from "../../engine/resources/core/namespace.ts";
import { applicationResource } from "../../engine/resources/mainstay/application.ts";
import { configMapYaml, deploymentYaml, namespaceYaml } from "../kit/git.ts";
import { eventually, startGitCluster, type GitCluster, type WorkingCopy } from "../kit/git-cluster.ts";

let cluster: GitCluster;
let copy: WorkingCopy;
beforeEach(async () => {
  cluster = await startGitCluster();
  copy = await cluster.clone();
});
afterEach(() => cluster[Symbol.asyncDispose]());

const MAINSTAY = "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits: [{path: apps/*, namespace: '{dir}'}]\nstatus: {minInterval: 100ms}\n";
const WEB = { "mainstay.yaml": MAINSTAY, "apps/web/namespace.yaml": namespaceYaml("web"), "apps/web/deployment.yaml": deploymentYaml("web"), "apps/web/settings.yaml": configMapYaml("settings") };

const deployment = () => cluster.client.for(deploymentResource).get("web", "web");
const remoteLines = (text: string) =>
  text
    .split("\n")
    .filter((line) => line.startsWith("remote: "))
    .map((line) => line.slice(8).trimEnd());
async function deployWeb(): Promise<void> {
  await copy.commit(WEB, "deploy web");
  const result = await copy.push();
  expect(result.code, result.text).toBe(0);
}

describe("a push that is valid", () => {
  test("is applied, and the pusher sees the plan and then how it goes until it is healthy (pain 1)", async () => {
    await copy.commit(WEB, "deploy web");
    const first = await copy.push();
    expect(first.code, first.text).toBe(0);
    expect(remoteLines(first.text)).toEqual(
      expect.arrayContaining([
        "+ Namespace web",
        "+ ConfigMap web/settings",
        "+ Deployment web/web",
        expect.stringMatching(/^plan for [0-9a-f]{7}: 3 new objects, 0 unchanged$/),
        expect.stringMatching(/^applied in /),
        expect.stringMatching(/^healthy after /),
      ]),
    );

    await copy.commit({ "apps/web/deployment.yaml": deploymentYaml("web", 5, "mainstay.local/web:2") }, "scale web to 5");
    const second = await copy.push();
    expect(remoteLines(second.text)).toEqual(expect.arrayContaining(["~ Deployment web/web: replicas 3→5, image 1→2", expect.stringMatching(/: 1 change, 2 unchanged$/), "✓ web Healthy 5/5"]));
    expect((await deployment()).spec?.replicas).toBe(5);
    const application = await cluster.client.for(applicationResource).get("", "web");
    expect(application.status).toMatchObject({ health: "Healthy", ready: "5/5", appliedCommit: await copy.head(), images: ["mainstay.local/web:2"] });
    expect(application.status?.inventory?.map((entry) => entry.kind)).toEqual(["ConfigMap", "Namespace", "Deployment"]);
    expect(await cluster.observed()).toMatchObject({ commit: await copy.head(), result: "applied", branch: "main" });
  });

  test("leaves the branch with a page worth reading, and every trailer", async () => {
    await deployWeb();
    const head = await copy.head();
    const log = await eventually("a status commit for the healthy web", async () => {
      await copy.git("fetch", "-q");
      const result = await copy.git("log", "-1", "--format=%B", "origin/status/local");
      return result.text.includes("web") && (await copy.git("show", "origin/status/local:README.md")).text.includes("healthy after") ? result.text : undefined;
    });
    expect(log).toMatch(/^status\(local\): /);
    expect(log).toContain("Mainstay-Cluster: local\n");
    expect(log).toContain(`Mainstay-Desired-Commit: ${head}\nMainstay-Commit: ${head}\n`);
    expect(log).toMatch(/Mainstay-Etcd-Revision: \d+\nMainstay-Result: applied\nMainstay-Duration-Ms: \d+/);
    const readme = (await copy.git("show", "origin/status/local:README.md")).text;
    expect(readme).toMatch(
      new RegExp(`^# local: 🟩 Healthy · commit \\[\`${head.slice(0, 10)}\`\\]\\(deploys/\\d{4}/\\d{2}/${head.slice(0, 10)}\\.md\\) "deploy web" · applied in .*, healthy after `),
    );
    expect(readme).toContain("1 app: 1 🟩 · 0 🟧 · 0 🟥");
    expect(readme).toMatch(/\| 🟩 \[web\]\(apps\/web\.md\) \| Healthy \| 3\/3 \|/);
    const files = (await copy.git("ls-tree", "-r", "--name-only", "origin/status/local")).text.trim().split("\n");
    expect(files).toEqual(expect.arrayContaining(["README.md", "apps/web.json", "apps/web.md", "badges/cluster.json", "badges/web.json", "nodes.json", "nodes.md", "status.json", "status.yaml"]));
    expect((await copy.git("merge-base", "origin/main", "origin/status/local")).code).toBe(1);
  });

  test("prunes what left the repository, and only what came from it (pains 11 and 12)", async () => {
    await deployWeb();
    await cluster.client.for(configMapResource).create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "mine", namespace: "web", labels: { "mainstay.dev/application": "web" } }, data: {} });
    await copy.commit({ "apps/web/settings.yaml": undefined });
    const result = await copy.push();
    expect(remoteLines(result.text)).toContain("- ConfigMap web/settings");
    const names = (await cluster.client.for(configMapResource).list("web")).items.map((map) => map.metadata.name);
    expect(names).toContain("mine");
    expect(names).not.toContain("settings");
  });

  test("with a file that cannot be read says that, and not how to delete what is in it", async () => {
    await copy.commit({ ...WEB, "apps/web/many.yaml": Array.from({ length: 8 }, (_, index) => configMapYaml(`m-${index}`)).join("---\n") });
    expect((await copy.push()).code).toBe(0);
    await copy.commit({ "apps/web/many.yaml": "a: [\n", "apps/web/namespace.yaml": undefined });
    const { text, code } = await copy.push();
    expect(code).toBe(1);
    expect(text).toMatch(/apps\/web\/many\.yaml:2 YAML: /);
    expect(text).not.toContain("Allow-Delete");
    expect(text).toContain("refused: 1 problem;");
  });

  test("goes back with git revert", async () => {
    await deployWeb();
    await copy.commit({ "apps/web/deployment.yaml": deploymentYaml("web", 5) }, "scale");
    await copy.push();
    await copy.git("-c", "user.name=a", "-c", "user.email=a@b", "revert", "--no-edit", "HEAD");
    const result = await copy.push();
    expect(remoteLines(result.text)).toContain("~ Deployment web/web: replicas 5→3");
    expect((await deployment()).spec?.replicas).toBe(3);
    expect(cluster.gitops.facts().deploys[0]).toMatchObject({ result: "rolled-back" });
  });

  test("that changes nothing writes nothing", async () => {
    await deployWeb();
    const before = (await deployment()).metadata.resourceVersion;
    await copy.commit({ "README.md": "hello" });
    const result = await copy.push();
    expect(remoteLines(result.text)).toEqual(expect.arrayContaining([expect.stringMatching(/: no changes$/), expect.stringMatching(/^healthy after/)]));
    expect((await deployment()).metadata.resourceVersion).toBe(before);
  });

  test("moves an object to another folder without deleting it", async () => {
    await deployWeb();
    const { uid } = (await deployment()).metadata;
    await copy.commit({ "apps/web/deployment.yaml": undefined, "apps/site/deployment.yaml": deploymentYaml("web").replace("  name: web\n", "  name: web\n  namespace: web\n") });
    const result = await copy.push();
    expect(result.code, result.text).toBe(0);
    expect(remoteLines(result.text).filter((line) => line.startsWith("-"))).toEqual([]);
    expect((await deployment()).metadata).toMatchObject({ uid, labels: { "mainstay.dev/application": "site" } });
    const inventories = (await cluster.client.for(applicationResource).list("")).items.map((app) => [app.metadata.name, app.status?.inventory?.map((entry) => entry.kind)]);
    expect(Object.fromEntries(inventories)).toEqual({ web: ["ConfigMap", "Namespace"], site: ["Deployment"] });
  });

  test("with -o no-wait returns at once, and with -o wait as long as asked", async () => {
    await deployWeb();
    cluster.setRollouts(false);
    await copy.commit({ "apps/web/deployment.yaml": deploymentYaml("web", 4) });
    expect(remoteLines((await copy.push("-o", "no-wait")).text)).toContain("accepted; not waiting for it");
    await copy.commit({ "apps/web/deployment.yaml": deploymentYaml("web", 6) });
    const result = await copy.push("-o", "wait=700ms");
    expect(result.code).toBe(0);
    expect(result.text).toMatch(/web not healthy yet after 700 ms; it goes on\. See: git fetch && git show origin\/status\/local:README\.md/);
  });

  test("to another branch prints what merging it would do, and changes nothing", async () => {
    await deployWeb();
    await copy.commit({ "apps/web/deployment.yaml": deploymentYaml("web", 9) });
    const result = await copy.git("push", "origin", "HEAD:more");
    expect(result.code, result.text).toBe(0);
    expect(remoteLines(result.text)).toEqual(expect.arrayContaining(["if more were merged:", "~ Deployment web/web: replicas 3→9"]));
    expect((await deployment()).spec?.replicas).toBe(3);
  });
});

describe("a push that is refused changes nothing, in the repository or in the cluster", () => {
  const tip = async () => (await copy.git("ls-remote", "origin", "refs/heads/main")).text.split("\t")[0];

  test.each<[string, Record<string, string | undefined>, RegExp]>([
    ["a wrong type, found without the server", { "apps/web/deployment.yaml": deploymentYaml("web", "many") }, /^apps\/web\/deployment\.yaml:6 spec\.replicas: must be a non-negative integer$/],
    ["a wrong value, found by the server", { "apps/web/deployment.yaml": deploymentYaml("web", -1) }, /^apps\/web\/deployment\.yaml:6 spec\.replicas: must be a non-negative integer$/],
    ["a name that breaks the rules", { "apps/web/settings.yaml": configMapYaml("Set_tings") }, /^apps\/web\/settings\.yaml:4 metadata\.name: a lowercase RFC 1123 subdomain/],
    ["a namespace that does not exist", { "apps/other/c.yaml": configMapYaml("c") }, /^apps\/other\/c\.yaml:\d metadata\.namespace: there is no Namespace other; add a manifest for it/],
    ["an unknown kind", { "apps/web/x.yaml": "apiVersion: apps/v1\nkind: Deploymnet\nmetadata: {name: x}\n" }, /^apps\/web\/x\.yaml:2 no kind Deploymnet in apps\/v1/],
    [
      "an immutable field",
      { "apps/web/deployment.yaml": deploymentYaml("web").replace(/\{app: web\}/g, "{app: web, tier: front}") },
      /^apps\/web\/deployment\.yaml:7 spec\.selector: cannot change in place; to delete Deployment web\/web and make it anew, .*Allow-Replace: Deployment\/web/,
    ],
    [
      "a protected deletion",
      { "apps/web/namespace.yaml": undefined, "apps/web/deployment.yaml": undefined, "apps/web/settings.yaml": undefined },
      /^apps\/web\/namespace\.yaml:1 deletes Namespace web, and Namespace is protected; .*Allow-Delete: Namespace\/web/,
    ],
  ])("%s", async (_name, files, expected) => {
    await deployWeb();
    const before = { tip: await tip(), version: (await deployment()).metadata.resourceVersion };
    await copy.commit(files);
    const result = await copy.push();
    expect(result.code).toBe(1);
    expect(
      remoteLines(result.text).some((line) => expected.test(line)),
      result.text,
    ).toBe(true);
    expect(result.text).toContain("nothing has changed, in the repository or in the cluster");
    expect({ tip: await tip(), version: (await deployment()).metadata.resourceVersion }).toEqual(before);
  });

  test("all problems are told at once, also those of the server", async () => {
    await copy.commit({ ...WEB, "apps/web/deployment.yaml": deploymentYaml("web", -1), "apps/web/a.yaml": deploymentYaml("a", "many"), "apps/web/b.yaml": "a: [" });
    const result = await copy.push();
    expect(remoteLines(result.text)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^apps\/web\/a\.yaml:6 /),
        expect.stringMatching(/^apps\/web\/b\.yaml:\d /),
        expect.stringMatching(/^apps\/web\/deployment\.yaml:6 /),
        expect.stringMatching(/^refused: 3 problems;/),
      ]),
    );
  });

  test("a dry run prints the plan and is refused on purpose", async () => {
    await copy.commit(WEB);
    const result = await copy.push("-o", "dry-run");
    expect(result.code).toBe(1);
    expect(remoteLines(result.text)).toEqual(expect.arrayContaining(["+ Deployment web/web", "dry run: nothing has been changed, the push is refused on purpose"]));
    expect(await tip()).toBe("");
  });

  test("history is not rewritten, the branch not deleted, the status branch not touched", async () => {
    await deployWeb();
    const before = await tip();
    await copy.commit({ "README.md": "x" });
    await copy.push();
    await copy.git("reset", "-q", "--hard", "HEAD~1");
    await copy.commit({ "README.md": "y" });
    const forced = await copy.push("--force");
    expect(forced.code).toBe(1);
    expect(forced.text).toMatch(/remote: refused: this push would rewrite main and drop [0-9a-f]{10}; go forward with git pull --rebase, or go back with git revert/);
    const deleted = await copy.git("push", "origin", ":main");
    expect(deleted.text).toContain("remote: refused: deleting main would leave the cluster without a desired state");
    const status = await copy.git("push", "origin", "HEAD:refs/heads/status/local", "--force");
    expect(status.text).toContain("remote: refused: status/local is written by the cluster alone");
    expect((await copy.git("merge-base", "--is-ancestor", before ?? "", "FETCH_HEAD")).code).not.toBe(undefined);
    expect(await tip()).not.toBe("");
  });

  test("while the engine is not there, a push over the file system is refused and says so", async () => {
    await deployWeb();
    await cluster.stopGitOps();
    await copy.commit({ "README.md": "x" });
    const result = await copy.git("push", `${cluster.folder}/data/git/cluster.git`, "HEAD:main");
    expect(result.code).toBe(1);
    expect(result.text).toContain("remote: refused: the engine is not running");
    await cluster.startGitOps();
  });
});

describe("pushes that meet", () => {
  test("of two at once one wins, and the other is told to pull", async () => {
    await deployWeb();
    const other = await cluster.clone("other");
    await copy.commit({ "apps/web/a.yaml": configMapYaml("a") });
    await other.commit({ "apps/web/b.yaml": configMapYaml("b") });
    const results = await Promise.all([copy.push(), other.push()]);
    expect(results.map((result) => result.code).sort(), results.map((result) => result.text).join("\n")).toEqual([0, 1]);
    const loser = results[0]?.code === 1 ? copy : other;
    expect(results.find((result) => result.code === 1)?.text).toMatch(/main has moved to [0-9a-f]{10} while you pushed|cannot lock ref|fetch first|failed to update ref/);
    await loser.git("-c", "user.name=a", "-c", "user.email=a@b", "pull", "-q", "--rebase", "origin", "main");
    expect((await loser.push()).code).toBe(0);
    expect((await cluster.client.for(configMapResource).list("web")).items.map((map) => map.metadata.name).sort()).toEqual(["a", "b", "settings"]);
  });

  test("a push while another one rolls out takes over, and the first pusher is told", async () => {
    await deployWeb();
    cluster.setRollouts(false);
    await copy.commit({ "apps/web/deployment.yaml": deploymentYaml("web", 4) });
    const first = copy.push();
    await eventually("the first push to be applied", async () => (await deployment()).spec?.replicas === 4);
    await copy.commit({ "apps/web/deployment.yaml": deploymentYaml("web", 5) });
    const second = copy.push();
    expect(remoteLines((await first).text)).toContain("a newer commit has taken over");
    cluster.setRollouts(true);
    expect(remoteLines((await second).text)).toEqual(expect.arrayContaining([expect.stringMatching(/^healthy after/)]));
    expect((await deployment()).spec?.replicas).toBe(5);
  });
});

describe("drift", () => {
  test("a live change of what the repository says is put back, with the writer named", async () => {
    await deployWeb();
    await cluster.api
      .as("kubernetes-admin", ["system:masters"], "kubectl-edit")
      .for(deploymentResource)
      .patch("web", "web", "merge", { spec: { replicas: 1 } });
    await eventually("replicas to be 3 again", async () => (await deployment()).spec?.replicas === 3);
    // The write is seen before whoever made it has heard that it was stored.
    const drift = await eventually("the drift to be told", () => cluster.gitops.facts().drift[0]);
    expect(drift).toMatchObject({ object: "Deployment web/web", change: "replicas 1→3", writer: "kubernetes-admin with kubectl-edit" });
    const event = await eventually("an event about it", async () => (await cluster.client.for(eventResource).list("web")).items.find((one) => one.reason === "DriftCorrected"));
    expect(event.message).toContain("changed by kubernetes-admin with kubectl-edit");
  });

  test("a deleted object comes back, a foreign field and another applier's field stay", async () => {
    await deployWeb();
    await cluster.client.for(configMapResource).delete("web", "settings");
    await eventually("the config map to be back", async () => (await cluster.client.for(configMapResource).list("web")).items.some((map) => map.metadata.name === "settings"));
    const other = cluster.client.for(deploymentResource);
    await other.apply({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "web", labels: { extra: "yes" } }, spec: { replicas: 7 } } as never, {
      fieldManager: "scaler",
      force: true,
    });
    await copy.commit({ "apps/web/deployment.yaml": deploymentYaml("web", 3, "mainstay.local/web:9") });
    const result = await copy.push();
    expect(remoteLines(result.text)).toContain("~ Deployment web/web: image 1→9 (left to others: spec.replicas (scaler))");
    expect(await deployment()).toMatchObject({ metadata: { labels: { extra: "yes" } }, spec: { replicas: 7 } });
  });

  test("a Secret's content is never shown, neither in the plan nor on the status branch", async () => {
    const secret = (text: string) => `apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: ${text}}\n`;
    await copy.commit({ ...WEB, "apps/web/secret.yaml": secret("first-password") });
    await copy.push();
    await copy.commit({ "apps/web/secret.yaml": secret("other-passwords!") });
    const result = await copy.push();
    expect(remoteLines(result.text).find((line) => line.startsWith("~ Secret"))).toMatch(/^~ Secret web\/s: .*<changed, 16 bytes>$/);
    await copy.git("fetch", "-q");
    const all = (await copy.git("grep", "-c", "-e", "password!", "-e", Buffer.from("other-passwords!").toString("base64"), "origin/status/local")).text;
    expect(all).toBe("");
  });
});

describe("starting and stopping", () => {
  test("an empty repository is said to be empty, and is healthy", async () => {
    await cluster.gitops.firstSyncHealthy;
    await eventually("a first report", async () => (await copy.git("fetch", "-q"), (await copy.git("show", "origin/status/local:README.md")).text.includes("Nothing to run yet")));
  });

  test("a restart writes no object, and goes on with the same story", async () => {
    await deployWeb();
    await eventually("the report", async () => (await copy.git("fetch", "-q"), (await copy.git("show", "origin/status/local:README.md")).text.includes("healthy after")));
    const before = { deployment: (await deployment()).metadata.resourceVersion, tip: (await copy.git("rev-parse", "origin/status/local")).text };
    await cluster.stopGitOps();
    await cluster.startGitOps();
    await cluster.gitops.firstSyncHealthy;
    await new Promise((resolve) => setTimeout(resolve, 600));
    await copy.git("fetch", "-q", cluster.gitops.gitUrl ?? "", "+refs/heads/*:refs/remotes/origin/*");
    expect({ deployment: (await deployment()).metadata.resourceVersion, tip: (await copy.git("rev-parse", "origin/status/local")).text }).toEqual(before);
    expect(cluster.gitops.facts().deploys).toHaveLength(1);
  });

  test("what was changed while nobody looked is put right at the next start", async () => {
    await deployWeb();
    await cluster.stopGitOps();
    await cluster.client.for(deploymentResource).patch("web", "web", "merge", { spec: { replicas: 1 } });
    await cluster.client.for(namespaceResource).get("", "web");
    await cluster.startGitOps();
    await eventually("replicas to be 3 again", async () => (await deployment()).spec?.replicas === 3);
  });
});

afterAll(() => undefined);
