import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import { readFileOf, writeChangedTree } from "../../../engine/gitops/git/git-tree.ts";
import { runGit } from "../../../engine/gitops/git/native-git.ts";
import { configMapYaml, createTestRepository, deploymentYaml, type TestRepository } from "../../kit/git.ts";
import { eventually, startGitCluster, type GitCluster } from "../../kit/git-cluster.ts";
import { encryptTree, newAgePair, toSopsYaml, type AgePair, type Tree } from "../../kit/sops.ts";

const VALUE = "open-sesame";
let remote: TestRepository;
let cluster: GitCluster;
let pair: AgePair;
let main: Readonly<Record<string, string>>;

const encrypted = async (object: Tree) =>
  toSopsYaml(await encryptTree(object, pair, { isEncrypted: (steps) => /^(data|stringData)$/.test(steps[0] ?? ""), metadata: { encrypted_regex: "^(data|stringData)$" } }));
const secretOf = (name: string, password = VALUE) => encrypted({ apiVersion: "v1", kind: "Secret", metadata: { name }, stringData: { password } });
const config = (more = "") => `apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nstatus: {minInterval: 10ms}\n${more}`;

beforeEach(async () => {
  remote = await createTestRepository();
  pair = await newAgePair();
  main = {
    "mainstay.yaml": config(),
    "apps/db/secret.enc.yaml": await secretOf("db"),
    "apps/db/settings.enc.yaml": await encrypted({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" }, data: { password: VALUE } }),
    "apps/web/kustomization.yaml": "resources: [d.yaml, secret.enc.yaml]\n",
    "apps/web/d.yaml": deploymentYaml("web", 1),
    "apps/web/secret.enc.yaml": await secretOf("web"),
    "apps/gen/kustomization.yaml": "resources: [d.yaml]\nsecretGenerator: [{name: gen, files: [all=values.enc.yaml]}]\n",
    "apps/gen/d.yaml": deploymentYaml("gen", 1),
    "apps/gen/values.enc.yaml": toSopsYaml(await encryptTree({ password: VALUE }, pair)),
    "apps/jobs/secret.enc.yaml": await secretOf("jobs"),
    "apps/jobs/job.yaml":
      "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\n  annotations: {mainstay.dev/hook: after}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: mainstay.local/web:1}]}}}\n",
  };
  await remote.commit(main);
  cluster = await startGitCluster({ repo: remote.gitDir, pollIntervalMs: 50, ageKeys: { file: undefined, secret: "mainstay-system/sops-age" } });
  await cluster.client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "mainstay-system" } });
  await cluster.client
    .for(secretResource)
    .create({ apiVersion: "v1", kind: "Secret", metadata: { name: "sops-age", namespace: "mainstay-system" }, data: { "keys.txt": Buffer.from(pair.identity).toString("base64") } });
  // What was refused for want of the key is looked at again with the next commit.
  await remote.commit({ "README.md": "x" });
  await eventually("main applied", async () => (await cluster.client.for(secretResource).list("default")).items.some(({ metadata }) => metadata.name === "db"));
});
afterEach(async () => {
  await cluster[Symbol.asyncDispose]();
  remote[Symbol.dispose]();
});

/** A request as a forge shows it: of a fork, its head is on no branch of the repository. */
async function openRequest(number: number, files: Readonly<Record<string, string | undefined>>, isOfFork = true): Promise<void> {
  const { store } = remote;
  const base = (await remote.tip()) ?? "";
  const tree = await writeChangedTree(store, (await store.objects.commit(base)).tree, new Map(Object.entries(files)));
  const head = await store.writeCommit({ tree, parents: [base], message: "Please take it", signature: { name: "Eve", email: "eve@example.org", time: 0 } });
  // A fork's never is on a branch: one that is there for a moment may be planned, with keys.
  if (!isOfFork) await store.pushRef(`refs/heads/work-${number}`, undefined, head);
  for (const kind of ["head", "merge"]) await store.pushRef(`refs/pull/${number}/${kind}`, undefined, head);
  // Of a remote, requests are looked for once in a while; another base is urgent.
  await remote.commit({ "README.md": String(number) });
}

async function onStatusBranch(file: string): Promise<string | undefined> {
  const tip = await remote.tip("status/local");
  return tip === undefined ? undefined : (await readFileOf(remote.store.objects, (await remote.store.objects.commit(tip)).tree, file))?.toString("utf8");
}
const planOf = (number: number) => eventually(`the plan of request ${number}`, () => onStatusBranch(`plans/pr-${number}.md`));
async function everythingTold(): Promise<string> {
  return (await runGit({ gitDir: remote.gitDir, args: ["log", "-p", "--format=%B", "status/local"] })).stdout.toString();
}

const replacement = (target: string) =>
  `replacements: [{source: {kind: Secret, name: db, fieldPath: stringData.password}, targets: [{select: {kind: Deployment}, fieldPaths: [${target}], options: {create: true}}]}]\n`;

describe("the plan of a stranger's request", () => {
  test.each(["metadata.name", "metadata.namespace", "metadata.labels.shown", "metadata.annotations.shown", "spec.template.spec.containers.0.image"])(
    "holds nothing of an encrypted file that is copied to where %s shows it",
    async (field) => {
      await openRequest(1, {
        "apps/thief/kustomization.yaml": `resources: [s.enc.yaml, d.yaml]\nnamePrefix: t-\n${replacement(field)}`,
        "apps/thief/d.yaml": deploymentYaml("thief", 1),
        "apps/thief/s.enc.yaml": main["apps/db/secret.enc.yaml"],
      });
      expect(await planOf(1)).toContain("apps/thief/s.enc.yaml: is encrypted and was not opened for this plan");
      expect(await everythingTold()).not.toContain(VALUE);
    },
  );

  test("shows all else, and nothing of what is encrypted and stays as it is", async () => {
    await openRequest(1, { "apps/web/d.yaml": deploymentYaml("web", 3), "apps/gen/d.yaml": deploymentYaml("gen", 1), "apps/plain/c.yaml": configMapYaml("plain") });
    const plan = await planOf(1);
    expect(plan).toContain("replicas 1→3");
    expect(plan).toContain("ConfigMap default/plain");
    expect(plan).toContain("1 new object, 1 change, ");
    expect(plan).not.toMatch(/encrypted|Secret|migrate|gen/);
  });

  test("names each encrypted file that it changes, and the switch; what is built with one is left out whole", async () => {
    await openRequest(1, {
      "apps/web/d.yaml": deploymentYaml("web", 3),
      "apps/web/secret.enc.yaml": await secretOf("web", "another"),
      "apps/gen/d.yaml": deploymentYaml("gen", 7),
      "apps/new/s.enc.yaml": await secretOf("fresh"),
      "apps/new/d.yaml": deploymentYaml("new", 1).replace(/image: .*/, (image) => `${image}\n          envFrom: [{secretRef: {name: fresh}}]`),
    });
    const plan = await planOf(1);
    expect(plan).toMatch(
      /- apps\/web\/secret\.enc\.yaml: is encrypted and was not opened for this plan, so what it changes is not shown; plans\.encrypted in the mainstay\.yaml of main decides for whose plans it is/,
    );
    expect(plan).toMatch(/- apps\/gen\/values\.enc\.yaml: .* so nothing is shown of the folder that is built with it;/);
    expect(plan).toContain("apps/new/s.enc.yaml: is encrypted");
    expect(plan).toContain("replicas 1→3");
    expect(plan).toContain("Deployment default/new");
    expect(plan).toContain("1 new object, 1 change, ");
    expect(await everythingTold()).not.toMatch(/open-sesame|another/);
  });

  test("shows no value of the cluster that no manifest holds: not of what was encrypted, nor of what others made", async () => {
    await cluster.client.for(configMapResource).create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "theirs", namespace: "default" }, data: { password: VALUE } });
    await openRequest(1, {
      "apps/db/settings.enc.yaml": undefined,
      "apps/db/settings.yaml": configMapYaml("settings", { password: "x" }),
      "apps/db/theirs.yaml": configMapYaml("theirs", { password: "y" }),
      "apps/web/d.yaml": deploymentYaml("web", 2),
    });
    const plan = await planOf(1);
    expect(plan).toContain("data.password <not from Git>→y");
    expect(plan).toContain("ConfigMap default/settings");
    expect(plan).toContain("replicas 1→2");
    expect(await everythingTold()).not.toContain(VALUE);
  });

  test("is read with keys where mainstay.yaml of main says so, or where the head is that of a branch of the repository itself", async () => {
    const thief = (name: string) => ({ [`apps/${name}/kustomization.yaml`]: `resources: [s.enc.yaml]\nnamePrefix: ${name}-\n`, [`apps/${name}/s.enc.yaml`]: main["apps/db/secret.enc.yaml"] });
    await openRequest(1, { ...thief("fork"), "mainstay.yaml": config("plans: {encrypted: always}\n") });
    await openRequest(2, thief("own"), false);
    expect(await planOf(1)).toContain("was not opened");
    expect(await planOf(2)).toContain("Secret default/own-db");
    await remote.commit({ "mainstay.yaml": config("plans: {encrypted: always}\n") });
    await eventually("the fork's plan with its Secret", async () => (await onStatusBranch("plans/pr-1.md"))?.includes("Secret default/fork-db"));
    await remote.commit({ "mainstay.yaml": config("plans: {encrypted: never}\n") });
    await eventually("no plan with a Secret", async () =>
      [await onStatusBranch("plans/pr-1.md"), await onStatusBranch("plans/pr-2.md"), await onStatusBranch("plans/work-2.md")].every((plan) => plan?.includes("was not opened")),
    );
  });
});

describe("what was encrypted", () => {
  test("is not shown as the value before, when its file no longer is, also over a restart", async () => {
    await cluster.stopGitOps();
    await remote.commit({ "apps/db/settings.enc.yaml": undefined, "apps/db/settings.yaml": configMapYaml("settings", { password: "in the open" }) });
    await cluster.startGitOps();
    await eventually("the new value", async () => (await cluster.client.for(configMapResource).get("default", "settings")).data?.["password"] === "in the open");
    await eventually("the deploy's page", async () => (await everythingTold()).includes("~ ConfigMap default/settings"));
    expect(await everythingTold()).not.toContain(VALUE);
  });
});
