import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ForgeType } from "../../../engine/gitops/forge/forge.ts";
import { runGit } from "../../../engine/gitops/git/native-git.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import { configMapYaml, createTestRepository, deploymentYaml, type TestRepository } from "../../kit/git.ts";
import { startFakeForge, type FakeForge } from "../../kit/forge.ts";
import { eventually, startGitCluster, type GitCluster } from "../../kit/git-cluster.ts";

let repository: TestRepository;
let cluster: GitCluster | undefined;
let forge: FakeForge;
beforeEach(async () => void (repository = await createTestRepository()));
afterEach(async () => {
  await cluster?.[Symbol.asyncDispose]();
  cluster = undefined;
  await forge[Symbol.asyncDispose]();
  repository[Symbol.dispose]();
});

const config = (type: ForgeType) =>
  `apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits: [{path: app}]\nstatus: {minInterval: 50ms}\nforge: {type: ${type}, api: "${forge.api}", project: ada/cluster}\n`;
const refOf = (type: ForgeType, number: number) => (type === "gitlab" ? `refs/merge-requests/${number}/head` : `refs/pull/${number}/head`);

/** A request as a forge makes one: a commit on top of main, kept under a ref of the request's number. */
async function request(type: ForgeType, number: number, files: Readonly<Record<string, string | undefined>>, isOfFork = false): Promise<string> {
  const main = await repository.tip();
  if (main === undefined) throw new Error("main is empty");
  await runGit({ gitDir: repository.gitDir, args: ["update-ref", `refs/heads/topic-${number}`, main] });
  const head = await repository.commit(files, "Topic", `topic-${number}`);
  await runGit({ gitDir: repository.gitDir, args: ["update-ref", refOf(type, number), head] });
  await runGit({ gitDir: repository.gitDir, args: ["update-ref", "-d", `refs/heads/topic-${number}`] });
  forge.requests.splice(0, forge.requests.length, ...forge.requests.filter((one) => one.number !== number), { number, head, base: "main", labels: [], isOfFork });
  return head;
}

async function start(): Promise<void> {
  cluster = await startGitCluster({ repo: repository.gitDir, pollIntervalMs: 50, repoSecret: "mainstay-system/repository" });
  await cluster.client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "mainstay-system" } });
  await cluster.client.for(secretResource).create({ apiVersion: "v1", kind: "Secret", metadata: { name: "repository", namespace: "mainstay-system" }, stringData: { forgeToken: "forge-token\n" } });
}
const statusesOf = (commit: string, context: string) => forge.statuses.filter((status) => status.commit === commit && status.context === context).map((status) => status.state);
const comment = (number: number) => forge.comments.get(number) ?? [];

describe.each<ForgeType>(["github", "gitlab", "gitea"])("%s", (type) => {
  const failure = type === "gitlab" ? "failed" : "failure";

  test("shows each open request its plan in one comment, which is edited (pain 5), and a status on each commit (pain 22)", async () => {
    forge = await startFakeForge(type);
    const base = await repository.commit({ "mainstay.yaml": config(type), "app/d.yaml": deploymentYaml("web", 1) });
    const head = await request(type, 7, { "app/d.yaml": deploymentYaml("web", 3) });
    // A request that is closed keeps its ref on every forge.
    await request(type, 3, { "app/d.yaml": undefined });
    forge.requests.splice(1);
    forge.requests.splice(0, 1, { number: 7, head, base: "main", labels: [], isOfFork: false });
    await start();

    await eventually("the plan", () => comment(7)[0]?.body.includes("replicas 1→3"));
    expect(comment(7)[0]?.body).toMatch(/^<!-- mainstay: plan for local -->\n### Plan for pr-7 on local: 1 change|^<!-- mainstay: plan for local -->\n### Plan for mr-7 on local: 1 change/);
    expect(comment(3)).toEqual([]);
    await eventually("the status of the plan", () => statusesOf(head, "mainstay/local/plan").at(-1) === "success");
    await eventually("the status of what runs", () => statusesOf(base, "mainstay/local").at(-1) === "success");
    // Never green before it was red or pending, and green only once.
    expect(statusesOf(base, "mainstay/local").filter((state) => state === "success")).toHaveLength(1);

    const worse = await request(type, 7, { "app/d.yaml": deploymentYaml("web", "many") });
    await cluster?.stopGitOps();
    await cluster?.startGitOps();
    await eventually("the edited comment", () => comment(7)[0]?.body.includes("would be refused"));
    expect(comment(7)).toHaveLength(1);
    await eventually("the refusal as a status", () => statusesOf(worse, "mainstay/local/plan").at(-1) === failure);
  });

  test("shows the request of a fork its plan as well, and a status where the forge takes one for a commit on no branch", async () => {
    forge = await startFakeForge(type);
    const base = await repository.commit({ "mainstay.yaml": config(type), "app/d.yaml": deploymentYaml("web", 1) });
    const head = await request(type, 7, { "app/d.yaml": deploymentYaml("web", 3) }, true);
    await start();
    await eventually("the plan", () => comment(7)[0]?.body.includes("replicas 1→3"));
    await eventually("the status of what runs", () => statusesOf(base, "mainstay/local").at(-1) === "success");
    if (type !== "gitlab") await eventually("the status of the plan", () => statusesOf(head, "mainstay/local/plan").at(-1) === "success");
  });

  test("learns that a commit was superseded before it was healthy, unless it has failed", async () => {
    const superseded = { github: "error", gitlab: "canceled", gitea: "warning" }[type];
    forge = await startFakeForge(type);
    await repository.commit({ "mainstay.yaml": config(type), "app/a.yaml": configMapYaml("a") });
    await start();
    cluster?.setRollouts(false);
    const first = await repository.commit({ "app/d.yaml": deploymentYaml("web", 1) });
    await eventually("the first commit to be pending", () => statusesOf(first, "mainstay/local").at(-1) === "pending");
    const second = await repository.commit({ "mainstay.yaml": config(type).replace("{path: app}", "{path: app, deadline: 1s}"), "app/d.yaml": deploymentYaml("web", 2) });
    await eventually("the end of it", () => statusesOf(first, "mainstay/local").at(-1) === superseded);
    await eventually("the second commit to fail", () => statusesOf(second, "mainstay/local").at(-1) === failure);
    const third = await repository.commit({ "app/d.yaml": undefined });
    await eventually("the third commit", () => statusesOf(third, "mainstay/local").at(-1) === "success");
    expect(statusesOf(second, "mainstay/local").at(-1)).toBe(failure);
  });

  test("that does not accept the token is told of on the status page, until it does", async () => {
    forge = await startFakeForge(type);
    forge.failNext(2, 401);
    await repository.commit({ "mainstay.yaml": config(type), "app/a.yaml": configMapYaml("a") });
    await start();
    const notices = () => cluster?.gitops.facts().notices.join("\n") ?? "";
    await eventually("the notice", () => /the forge does not accept the token \(forgeToken of the Secret\).*401/.test(notices()));
    const recorded = async () => (await cluster?.observed())?.forge;
    await eventually("the record of it", async () => /^the forge does not accept the token/.test((await recorded()) ?? ""));
    await eventually("the end of it", () => !notices().includes("the forge"));
    await expect.poll(recorded).toBeUndefined();
  });

  test("is told of everything else when it does not take one thing: a request that is locked, a commit that it has not got", async () => {
    forge = await startFakeForge(type);
    const base = await repository.commit({ "mainstay.yaml": config(type), "app/d.yaml": deploymentYaml("web", 1) });
    const locked = await request(type, 7, { "app/d.yaml": deploymentYaml("web", 3) });
    await request(type, 8, { "app/d.yaml": deploymentYaml("web", 4) });
    // Somebody else's comment begins like ours, and nobody else may edit it.
    forge.comments.set(8, [{ id: 50, body: "<!-- mainstay: plan for local -->\ncopied" }]);
    forge.refuse(/^POST .*\/7\/(comments|notes)$/, 403);
    forge.refuse(new RegExp(`^POST .*/statuses/${locked}$`), 422);
    forge.refuse(/^(PATCH|PUT) .*\/(comments|notes)\/50$/, 403);
    await start();
    await eventually("the plan of the other request", () => comment(8)[1]?.body.includes("replicas 1→4"));
    await eventually("the status of what runs", () => statusesOf(base, "mainstay/local").at(-1) === "success");
    expect(comment(8)[0]?.body).toContain("copied");
    expect(comment(7)).toEqual([]);
    // What lacks a right is told where users look; the commit that the forge has not got yet may be there the next time.
    const why = /^the forge does not take the comment in request 7: .*403.*; see that the token \(forgeToken of the Secret\) may write commit statuses and comments$/;
    await eventually("the notice", () => cluster?.gitops.facts().notices.some((notice) => why.test(notice)));
    await eventually("the record of it", async () => why.test((await cluster?.observed())?.forge ?? ""));
  });

  test("learns of a commit that is rejected, also when it was busy at first", async () => {
    forge = await startFakeForge(type);
    await repository.commit({ "mainstay.yaml": config(type), "app/a.yaml": configMapYaml("a") });
    forge.failNext(1, 429, { "retry-after": "1" });
    await start();
    await eventually("the first status", () => forge.statuses.length > 0);
    const bad = await repository.commit({ "app/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: 5\n" });
    await eventually("the rejection", () => statusesOf(bad, "mainstay/local").at(-1) === failure);
    expect(forge.statuses.at(-1)?.description).toContain("app/a.yaml:4 data: must be an object");
  });
});
