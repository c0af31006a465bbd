import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock, type Clock } from "../../../engine/lib/clock.ts";
import { hasReason } from "../../../engine/apimachinery/status-error.ts";
import { runGit } from "../../../engine/gitops/git/native-git.ts";
import { previewNamespace } from "../../../engine/gitops/previews/preview-identity.ts";
import type { StatusFacts } from "../../../engine/gitops/status/status-facts.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { resourceQuotaResource } from "../../../engine/resources/core/resource-quota.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import { applicationResource } from "../../../engine/resources/mainstay/application.ts";
import { configMapYaml, createTestRepository, deploymentYaml, namespaceYaml, type TestRepository } from "../../kit/git.ts";
import { startFakeForge, type FakeForge } from "../../kit/forge.ts";
import { eventually, startGitCluster, type GitCluster, type WorkingCopy } from "../../kit/git-cluster.ts";
import { runClusterBasics } from "../../kit/cluster-basics.ts";

let cluster: GitCluster;
let copy: WorkingCopy;
let controllers: AsyncDisposable;

const config = (previews: string, rest = "") => `apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nstatus: {minInterval: 10ms}\npreviews: ${previews}\n${rest}`;
const deployment = (namespace: string, name: string) =>
  cluster.client
    .for(deploymentResource)
    .get(namespace, name)
    .catch((error: unknown) => {
      if (!hasReason(error, "NotFound")) throw error;
      return undefined;
    });
const previewSpaces = async () => (await cluster.client.for(namespaceResource).list("", { labelSelector: "mainstay.dev/preview" })).items.map(({ metadata }) => metadata.name ?? "");

async function onStatusBranch(file: string): Promise<string | undefined> {
  await copy.git("fetch", "-q", "origin", "status/local");
  const result = await copy.git("show", `FETCH_HEAD:${file}`);
  return result.code === 0 ? result.text : undefined;
}
const facts = async () => JSON.parse((await onStatusBranch("status.json")) ?? "{}") as Partial<StatusFacts>;
const told = async (name: string) => (await facts()).previews?.find((preview) => preview.name === name);

/** A branch on top of main with these files, pushed. */
async function branch(name: string, files: Readonly<Record<string, string | undefined>>): Promise<void> {
  await copy.git("checkout", "-q", "-B", name, "main");
  await copy.commit(files, `Try ${name}`);
  const pushed = await copy.push("-f", "origin", `HEAD:${name}`);
  expect(pushed.code).toBe(0);
  await copy.git("checkout", "-q", "main");
}

describe("a branch of the hosted repository", () => {
  beforeEach(async () => {
    cluster = await startGitCluster();
    controllers = await runClusterBasics(cluster.api);
    copy = await cluster.clone();
    await copy.git("checkout", "-q", "-B", "main");
  });
  afterEach(async () => {
    await controllers[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
  });

  test("runs in a namespace of its own while it is there, moves with every push, and touches nothing else", async () => {
    await copy.commit({
      "mainstay.yaml": config("{branches: [try/*], quota: {pods: 7}}"),
      "apps/web/n.yaml": namespaceYaml("shop"),
      "apps/web/d.yaml": deploymentYaml("web", 1).replace("name: web", "name: web\n  namespace: shop"),
      "apps/web/c.yaml": configMapYaml("settings"),
    });
    expect((await copy.push()).code).toBe(0);
    await branch("try/bigger", { "apps/web/d.yaml": deploymentYaml("web", 2).replace("name: web", "name: web\n  namespace: shop"), "apps/web/c.yaml": undefined });
    const preview = await eventually("a healthy preview", async () => {
      const one = await told("try/bigger");
      return one?.state === "Healthy" ? one : undefined;
    });
    expect(preview.namespace).toMatch(/^preview-try-bigger-[0-9a-f]{8}$/);
    expect((await deployment(preview.namespace, "web"))?.spec?.replicas).toBe(2);
    expect((await deployment("shop", "web"))?.spec?.replicas).toBe(1);
    expect(await cluster.client.for(configMapResource).get("default", "settings")).toBeDefined();
    expect((await cluster.client.for(resourceQuotaResource).list(preview.namespace)).items[0]?.spec?.hard).toEqual({ pods: "7" });
    expect((await cluster.client.for(namespaceResource).get("", preview.namespace)).metadata.labels).toMatchObject({ "pod-security.kubernetes.io/enforce": "baseline" });
    expect(await onStatusBranch("README.md")).toContain(`[try/bigger](previews/${preview.namespace}.md) | 🟩 Healthy`);
    expect(await onStatusBranch(`previews/${preview.namespace}.md`)).toContain("Namespace shop is left out");
    // What the repository itself runs is told as before, without the preview's.
    expect((await facts()).applications?.map(({ name }) => name)).toEqual(["web"]);

    await branch("try/bigger", { "apps/web/d.yaml": deploymentYaml("web", 3), "apps/api/c.yaml": configMapYaml("api") });
    await eventually("the new commit in the preview", async () => (await deployment(preview.namespace, "web"))?.spec?.replicas === 3);
    await eventually("its new application", () =>
      cluster.client
        .for(configMapResource)
        .get(preview.namespace, "api")
        .catch(() => undefined),
    );
    // A change by hand is put back there, too.
    const live = await cluster.client.for(deploymentResource).get(preview.namespace, "web");
    await cluster.client.for(deploymentResource).update({ ...live, spec: { ...live.spec, replicas: 9 } as NonNullable<typeof live.spec> });
    await eventually("the drift is gone", async () => (await deployment(preview.namespace, "web"))?.spec?.replicas === 3);

    await copy.git("push", "-q", "origin", ":try/bigger");
    await eventually("the namespace is gone", async () => (await previewSpaces()).length === 0);
    await eventually("its applications are gone", async () => (await cluster.client.for(applicationResource).list("")).items.map(({ metadata }) => metadata.name).join() === "web");
    await eventually("it is told no more", async () => (await facts()).previews === undefined);
    expect((await deployment("shop", "web"))?.spec?.replicas).toBe(1);
  });

  test("is removed also when it went while nobody was running, and others go on over the restart", async () => {
    await copy.commit({ "mainstay.yaml": config("{branches: ['try-*']}"), "apps/web/d.yaml": deploymentYaml("web", 1) });
    await copy.push();
    await branch("try-a", {});
    await branch("try-b", {});
    await eventually("both", async () => (await told("try-a"))?.state === "Healthy" && (await told("try-b"))?.state === "Healthy");
    const kept = (await told("try-b"))?.namespace ?? "";
    const generation = (await deployment(kept, "web"))?.metadata.generation;
    await cluster.stopGitOps();
    await runGit({ gitDir: `${cluster.folder}/data/git/cluster.git`, args: ["update-ref", "-d", "refs/heads/try-a"] });
    await cluster.startGitOps();
    await eventually("only the other is left", async () => (await previewSpaces()).join() === kept);
    expect((await deployment(kept, "web"))?.metadata.generation).toBe(generation);
    // Without rules nobody has one, and nothing of any stays.
    await copy.commit({ "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nstatus: {minInterval: 10ms}\n" });
    await copy.push();
    await eventually(
      "nothing is left",
      async () => (await previewSpaces()).length === 0 && (await cluster.client.for(applicationResource).list("")).items.map(({ metadata }) => metadata.name).join() === "web",
    );
    await eventually("nothing is told", async () => (await facts()).previews === undefined);
  });

  test("is refused with the lines of what belongs to the whole cluster, to others, or is beyond its rights; what ran before goes on", async () => {
    const role = (name: string, verbs: string) =>
      `apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: ${name}\nrules: [{apiGroups: [""], resources: [pods], verbs: [${verbs}]}]\n`;
    const ingress = (host: string) =>
      `apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\nspec:\n  rules:\n    - host: ${host}\n      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}\n`;
    const service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: NodePort, selector: {app: web}, ports: [{port: 80, nodePort: 30080}]}\n";
    const rest = "units: [{path: apps/*, variables: {host: shop.example.org}}]\n";
    await copy.commit({
      "mainstay.yaml": config("{branches: [try], variables: {host: '{name}.example.org'}}", rest),
      "apps/web/d.yaml": deploymentYaml("web", 1),
      "apps/web/s.yaml": service,
      "apps/web/i.yaml": ingress("${host}"),
      "apps/web/r.yaml": role("shared", "get"),
    });
    expect((await copy.push()).code).toBe(0);
    await branch("try", {});
    const first = await eventually("the preview", async () => {
      const one = await told("try");
      return one?.state === "Healthy" ? one : undefined;
    });
    await branch("try", {
      "apps/web/r.yaml": role("shared", "get, delete"),
      "apps/web/own.yaml": role("own", "get"),
      "apps/web/i.yaml": ingress("shop.example.org"),
      "apps/web/d.yaml": deploymentYaml("web", 5),
    });
    const refused = await eventually("the refusal", async () => {
      const one = await told("try");
      return one?.state === "Refused" ? one : undefined;
    });
    expect(refused.problems).toEqual([
      "apps/web/i.yaml:1 shop.example.org is served by Ingress default/web (apps/web/i.yaml:1): make the name a variable, and give previews another one with previews.variables in mainstay.yaml",
      "apps/web/own.yaml:1 ClusterRole own belongs to the whole cluster, and is not there yet: a preview cannot make or change it; merge it first",
      "apps/web/r.yaml:1 ClusterRole shared belongs to the whole cluster, and is another one there: a preview cannot make or change it; merge it first",
    ]);
    expect((await deployment(first.namespace, "web"))?.spec?.replicas).toBe(1);
    await branch("try", { "apps/web/quota.yaml": "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: more}\nspec: {hard: {pods: '900'}}\n" });
    const beyond = await eventually("what is beyond its rights", async () => {
      const one = await told("try");
      return one?.problems[0]?.includes("quota.yaml") === true ? one : undefined;
    });
    expect(beyond.problems[0]).toMatch(/^apps\/web\/quota\.yaml:1 .*mainstay-preview.* cannot patch resource "resourcequotas"/);
  });

  test("waits when there are enough, and leaves a namespace of its name alone that is someone else's", async () => {
    const foreign = previewNamespace("try-1", "refs/heads/try-1");
    await cluster.client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: foreign } });
    await copy.commit({ "mainstay.yaml": config("{branches: ['try-*'], max: 1}"), "apps/web/c.yaml": configMapYaml("web") });
    await copy.push();
    await branch("try-1", {});
    await branch("try-2", {});
    await eventually(
      "one is refused, one waits",
      async () => (await told("try-1"))?.problems[0]?.includes(`there is a namespace ${foreign} already that is no preview`) === true && (await told("try-2"))?.state === "Waiting",
    );
    await copy.commit({ "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nstatus: {minInterval: 10ms}\n" });
    await copy.push();
    await eventually("nobody has previews any more", async () => (await facts()).previews === undefined);
    expect((await cluster.client.for(namespaceResource).get("", foreign)).metadata.deletionTimestamp).toBeUndefined();
  });
});

describe("a request of a forge", () => {
  let repository: TestRepository;
  let forge: FakeForge;
  beforeEach(async () => {
    repository = await createTestRepository();
    forge = await startFakeForge("github");
  });
  afterEach(async () => {
    await controllers[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
    await forge[Symbol.asyncDispose]();
    repository[Symbol.dispose]();
  });

  test("has a preview while it is open and labelled, told in its comment and as a status; a forge that cannot be asked changes nothing", async () => {
    const files = { "mainstay.yaml": config("{label: try-it}", `forge: {type: github, api: "${forge.api}", project: ada/cluster}\n`), "apps/web/d.yaml": deploymentYaml("web", 1) };
    await repository.commit(files);
    let passedMs = 0;
    const clock: Clock = { now: () => systemClock.now(), monotonic: () => systemClock.monotonic() + passedMs, after: (ms, callback) => systemClock.after(ms, callback) };
    cluster = await startGitCluster({ repo: repository.gitDir, pollIntervalMs: 50, repoSecret: "mainstay-system/repository", webhook: { address: "127.0.0.1", port: 0 } }, clock);
    controllers = await runClusterBasics(cluster.api);
    await cluster.client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "mainstay-system" } });
    await cluster.client
      .for(secretResource)
      .create({ apiVersion: "v1", kind: "Secret", metadata: { name: "repository", namespace: "mainstay-system" }, stringData: { forgeToken: "forge-token\n", webhookSecret: "hush" } });
    const wake = async () => void (await fetch(`http://127.0.0.1:${cluster.gitops.webhookPort}/hook`, { method: "POST", body: "{}", headers: { "x-gitlab-token": "hush" } }));
    const main = (await repository.tip()) ?? "";
    await runGit({ gitDir: repository.gitDir, args: ["update-ref", "refs/heads/topic", main] });
    const head = await repository.commit({ "apps/web/d.yaml": deploymentYaml("web", 2) }, "Topic", "topic");
    await runGit({ gitDir: repository.gitDir, args: ["update-ref", "refs/pull/12/head", head] });
    await runGit({ gitDir: repository.gitDir, args: ["update-ref", "-d", "refs/heads/topic"] });
    forge.requests.push({ number: 12, head, base: "main", labels: [], isOfFork: false });
    await wake();
    const comment = () => forge.comments.get(12)?.[0]?.body ?? "";
    await eventually("the plan", () => comment().includes("replicas 1→2"));
    expect(await previewSpaces()).toEqual([]);

    forge.requests.splice(0, 1, { number: 12, head, base: "main", labels: ["try-it"], isOfFork: true });
    await wake();
    await eventually("why a fork has none", () => comment().includes("Waiting") && comment().includes("it is of a fork"));
    expect(await previewSpaces()).toEqual([]);
    forge.requests.splice(0, 1, { number: 12, head, base: "main", labels: ["try-it"], isOfFork: false });
    await wake();
    await eventually("the preview in the comment", () => comment().includes("### Preview: 🟩 Healthy in namespace `preview-pr-12`"));
    expect(comment()).toContain("replicas 1→2");
    expect(forge.comments.get(12)).toHaveLength(1);
    expect((await deployment("preview-pr-12", "web"))?.spec?.replicas).toBe(2);
    await eventually("its status", () => forge.statuses.findLast((status) => status.commit === head && status.context === "mainstay/local/preview")?.state === "success");

    forge.failNext(20, 500);
    await wake();
    await eventually("the forge was asked", () => forge.calls.length > 0);
    expect(await previewSpaces()).toEqual(["preview-pr-12"]);
    forge.failNext(0, 500);

    const [request] = forge.requests.splice(0);
    for (const passes of [30_000, 0]) {
      forge.calls.length = 0;
      await wake();
      await eventually("the forge was asked", () => forge.calls.filter((call) => call.endsWith("/pulls")).length > 1);
      expect(await previewSpaces()).toEqual(["preview-pr-12"]);
      passedMs += passes;
    }
    if (request !== undefined) forge.requests.push(request);
    await wake();
    await eventually("it is shown again", () => comment().includes("Healthy in namespace"));
    forge.requests.splice(0);
    await wake();
    await setTimeout(500);
    passedMs += 61_000;
    await eventually("it is gone when the request has been closed for a minute", async () => {
      await wake();
      return (await previewSpaces()).length === 0;
    });
    expect((await deployment("default", "web"))?.spec?.replicas).toBe(1);
  });
});
