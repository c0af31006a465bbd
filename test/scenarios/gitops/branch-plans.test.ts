import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { jobResource } from "../../../engine/resources/batch/job.ts";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import type { StatusFacts } from "../../../engine/gitops/status/status-facts.ts";
import { readFileOf } from "../../../engine/gitops/git/git-tree.ts";
import { createTestRepository, deploymentYaml } from "../../kit/git.ts";
import { eventually, startGitCluster, type GitCluster, type WorkingCopy } from "../../kit/git-cluster.ts";

let cluster: GitCluster;
let copy: WorkingCopy;
beforeEach(async () => {
  cluster = await startGitCluster();
  copy = await cluster.clone();
});
afterEach(() => cluster[Symbol.asyncDispose]());

const withMemory = (name: string, replicas: number, memory: string) =>
  deploymentYaml(name, replicas).replace(/( +)image: .*/, (line, indent: string) => `${line}\n${indent}resources: {requests: {memory: ${memory}}}`);

async function onStatusBranch(file: string): Promise<string | undefined> {
  await copy.git("fetch", "-q", "origin", "status/local");
  const result = await copy.git("show", `FETCH_HEAD:${file}`);
  return result.code === 0 ? result.text : undefined;
}

const HOOK = `apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations: {mainstay.dev/hook: before}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: m, image: mainstay.local/m:1}]}}}
`;

describe("every branch has a plan on the status branch", () => {
  test("with what merging would do and how its pods fit (pain 5); made again when the base moves, gone with the branch", async () => {
    await cluster.client.for(nodeResource).create({ apiVersion: "v1", kind: "Node", metadata: { name: "n1" } });
    const node = await cluster.client.for(nodeResource).get("", "n1");
    await cluster.client.for(nodeResource).updateStatus({ ...node, status: { allocatable: { cpu: "4", memory: "1Gi", pods: "110" }, conditions: [{ type: "Ready", status: "True" }] } });
    // Nodes begin tainted until their agent reports; this one has none.
    await cluster.client.for(nodeResource).update({ ...(await cluster.client.for(nodeResource).get("", "n1")), spec: {} });
    await copy.commit({ "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nstatus: {minInterval: 10ms}\n", "apps/web/d.yaml": withMemory("web", 1, "100Mi") });
    await copy.push();
    await copy.git("checkout", "-q", "-b", "feature/scale");
    await copy.commit({ "apps/web/d.yaml": withMemory("web", 4, "400Mi") }, "Scale web");
    const pushed = await copy.push("origin", "HEAD:feature/scale");
    expect(pushed.text).toContain("if feature/scale were merged:");
    expect(pushed.text).toMatch(/remote: ! Deployment default\/web: 2 of 4 pods fit: n1 lacks 176Mi of memory/);

    const page = await eventually("the plan's page", () => onStatusBranch("plans/feature/scale.md"));
    expect(page).toContain("# Plan for feature/scale on local: 1 change, 0 unchanged");
    expect(page).toContain("2 of 4 pods fit: n1 lacks 176Mi of memory");
    expect(page).toContain("replicas 1→4");
    const facts = JSON.parse((await onStatusBranch("status.json")) ?? "{}") as StatusFacts;
    expect(facts.plans).toMatchObject([{ branch: "feature/scale", summary: "1 change, 0 unchanged", file: "plans/feature/scale.md" }]);
    expect(await onStatusBranch("README.md")).toContain("[feature/scale](plans/feature/scale.md)");

    await copy.git("checkout", "-q", "-");
    await copy.commit({ "apps/web/d.yaml": withMemory("web", 3, "100Mi") });
    await copy.push();
    await eventually("a plan against the new base", async () => (await onStatusBranch("plans/feature/scale.md"))?.includes("replicas 3→4"));

    await copy.git("push", "origin", ":feature/scale");
    await eventually("the plan is gone", async () => (await onStatusBranch("plans/feature/scale.md")) === undefined);
  });

  test("made again when the base, of which a part had to wait, is applied", async () => {
    const mainstay = "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nstatus: {minInterval: 10ms}\n";
    await copy.commit({ "mainstay.yaml": mainstay, "apps/web/d.yaml": deploymentYaml("web", 1) });
    await copy.push();
    await copy.git("checkout", "-q", "-b", "scale");
    await copy.commit({ "apps/web/d.yaml": deploymentYaml("web", 4) }, "Scale web");
    await copy.push("origin", "HEAD:scale");
    await eventually("the plan's page", async () => (await onStatusBranch("plans/scale.md"))?.includes("replicas 1→4"));

    await copy.git("checkout", "-q", "-");
    await copy.commit({ "apps/web/d.yaml": deploymentYaml("web", 3), "apps/web/migrate.yaml": HOOK });
    await copy.push("-o", "wait=0");
    const base = `base \`${(await copy.head()).slice(0, 10)}`;
    const page = await eventually("a plan against the new base", async () => {
      const text = await onStatusBranch("plans/scale.md");
      return text?.includes(base) === true ? text : undefined;
    });
    expect(page).toContain("replicas 1→4");
    const [job] = (await cluster.client.for(jobResource).list("default")).items;
    if (job === undefined) throw new Error("a commit that waits for nothing");
    const conditions = ["SuccessCriteriaMet", "Complete"].map((type) => ({ type, status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" }));
    const status = { startTime: "2026-01-01T00:00:00Z", completionTime: "2026-01-01T00:00:00Z", succeeded: 1, conditions };
    await cluster.client.for(jobResource).updateStatus({ ...job, status });
    await eventually("a plan against what runs then", async () => (await onStatusBranch("plans/scale.md"))?.includes("replicas 3→4"));
  });

  test("a branch that would be refused says why, and what runs is untouched", async () => {
    await copy.commit({ "apps/web/d.yaml": deploymentYaml("web", 1) });
    await copy.push();
    await copy.git("checkout", "-q", "-b", "broken");
    await copy.commit({ "apps/web/d.yaml": deploymentYaml("web", "many") });
    expect((await copy.push("origin", "HEAD:broken")).code).toBe(0);
    const page = await eventually("the plan's page", () => onStatusBranch("plans/broken.md"));
    expect(page).toContain("would be refused: 1 problem");
    expect(page).toContain("apps/web/d.yaml:6 spec.replicas: must be a non-negative integer");
  });
});

describe("branches of a remote that is followed", () => {
  test("have plans too, as do its open requests; closed ones do not", async () => {
    using remote = await createTestRepository();
    const base = await remote.commit({ "apps/web/d.yaml": deploymentYaml("web", 1) });
    await remote.store.pushRef("refs/heads/bigger", undefined, base);
    const head = await remote.commit({ "apps/web/d.yaml": deploymentYaml("web", 2) }, "More of it", "bigger");
    for (const ref of ["refs/pull/1/head", "refs/pull/2/head", "refs/pull/2/merge"]) await remote.store.pushRef(ref, undefined, head);
    await using following = await startGitCluster({ repo: remote.gitDir, pollIntervalMs: 50 });
    const onRemote = async (file: string) => {
      const tip = await remote.tip("status/local");
      return tip === undefined ? undefined : (await readFileOf(remote.store.objects, (await remote.store.objects.commit(tip)).tree, file))?.toString("utf8");
    };
    expect(await eventually("the branch's plan", () => onRemote("plans/bigger.md"))).toMatch(/# Plan for bigger on local: 1 (new object|change), /);
    expect(await onRemote("plans/pr-2.md")).toContain("# Plan for pr-2 on local");
    expect(await onRemote("plans/pr-1.md")).toBeUndefined();
    expect(following.gitops.gitUrl).toBeUndefined();
  });
});
