import { afterEach, beforeEach, expect, test } from "vitest";
import { CONTROLLER_USER } from "../../../engine/apimachinery/known-users.ts";
import { eventResource } from "../../../engine/resources/core/event.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { deploymentYaml } from "../../kit/git.ts";
import { eventually, startGitCluster, type GitCluster, type WorkingCopy } from "../../kit/git-cluster.ts";

let cluster: GitCluster;
let copy: WorkingCopy;
beforeEach(async () => {
  cluster = await startGitCluster();
  copy = await cluster.clone();
});
afterEach(() => cluster[Symbol.asyncDispose]());

async function page(file: string): Promise<string> {
  await copy.git("fetch", "-q", "origin", "status/local");
  return (await copy.git("show", `FETCH_HEAD:${file}`)).text;
}
const commits = async () => Number((await copy.git("rev-list", "--count", "FETCH_HEAD")).text);

test("an application's page tells what happened lately, each thing once, and a storm of it writes no more than one commit per interval", async () => {
  await copy.commit({ "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nstatus: {minInterval: 1h}\n", "apps/web/d.yaml": deploymentYaml("web", 1) });
  expect((await copy.push()).code).toBe(0);
  await eventually("the report that it is healthy", async () => (await page("apps/web.md")).includes("Healthy"));
  const before = await commits();
  const deployment = await cluster.client.for(deploymentResource).get("default", "web");
  const spec = deployment.spec?.template.spec;
  if (spec === undefined) throw new Error("a deployment without a template");
  const owner = { apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: deployment.metadata.uid ?? "", controller: true };
  const controller = cluster.api.as(CONTROLLER_USER);
  for (const pod of ["web-aaa", "web-bbb"]) await controller.for(podResource).create({ apiVersion: "v1", kind: "Pod", metadata: { name: pod, namespace: "default", ownerReferences: [owner] }, spec });
  const say = (count: number, pod: string, reason: string, message: string, component = "kubelet") =>
    cluster.client.for(eventResource).create({
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `${pod}.${reason.toLowerCase()}.${count}`, namespace: "default" },
      involvedObject: { apiVersion: "v1", kind: "Pod", namespace: "default", name: pod },
      type: "Warning",
      reason,
      message,
      source: { component },
      firstTimestamp: `2026-01-01T10:00:${String(count).padStart(2, "0")}Z`,
    });
  for (let count = 0; count < 20; count++)
    await say(count, count % 2 === 0 ? "web-aaa" : "web-bbb", "BackOff", `Back-off ${count} s restarting container in ${count % 2 === 0 ? "web-aaa" : "web-bbb"}`);
  await say(30, "web-aaa", "Unhealthy", "Readiness probe failed: token=hunter2");
  await say(31, "web-aaa", "Odd", "hunter2", "stranger");
  for (let count = 40; count < 55; count++) await say(count, "web-aaa", `Reason${count}`, "x");
  const facts = () => cluster.gitops.facts().applications[0]?.events ?? [];
  await eventually("the newest of them", () => facts()[0]?.reason === "Reason54");
  expect(facts()).toHaveLength(10);
  expect(JSON.stringify(cluster.gitops.facts())).not.toContain("hunter2");
  // Less often than the interval only what is final is written.
  expect(await commits()).toBeLessThanOrEqual(before + 1);

  await cluster.stopGitOps();
  await cluster.startGitOps();
  await copy.commit({ "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nstatus: {minInterval: 10ms}\n" });
  await copy.push();
  const shown = await eventually("the page", async () => {
    const text = await page("apps/web.md");
    return text.includes("## Recent events") ? text : undefined;
  });
  expect(shown).toContain("Pod of Deployment default/web | ⚠️ Reason54 | x |");
  expect(await page("status.json")).not.toContain("Reason54");
});

test("what repeats on one pod after another is one row, and words of containers are none", async () => {
  await copy.commit({ "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nstatus: {minInterval: 10ms}\n", "apps/web/d.yaml": deploymentYaml("web", 1) });
  await copy.push();
  const say = (count: number, reason: string, message: string) =>
    cluster.client.for(eventResource).create({
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `web.${count}`, namespace: "default" },
      involvedObject: { apiVersion: "apps/v1", kind: "Deployment", namespace: "default", name: "web" },
      type: "Warning",
      reason,
      message,
      source: { component: "kubelet" },
      firstTimestamp: `2026-01-01T10:00:0${count}Z`,
    });
  for (let count = 0; count < 5; count++) await say(count, "BackOff", `Back-off ${count} s in web-5d4f8c7b9-x${count}q7z`);
  await say(5, "Unhealthy", "Liveness probe failed: token=hunter2");
  const shown = await eventually("the page", async () => {
    const text = await page("apps/web.md");
    return text.includes("Unhealthy") ? text : undefined;
  });
  expect(shown.match(/BackOff/g)).toHaveLength(1);
  expect(shown).toContain("| 01-01 10:00 | Deployment default/web | ⚠️ Unhealthy | Liveness probe failed |");
});

test("an application that flaps is told at once, and then once per interval", async () => {
  await copy.commit({ "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nstatus: {minInterval: 1h}\n", "apps/web/d.yaml": deploymentYaml("web", 1) });
  expect((await copy.push()).code).toBe(0);
  await eventually("the report that it is healthy, and the commit with it", async () => (await page("apps/web.md")).includes("Healthy") && (await page("README.md")).includes("healthy after"));
  cluster.setRollouts(false);
  const before = await commits();
  const turn = async (isWell: boolean) => {
    const live = await cluster.client.for(deploymentResource).get("default", "web");
    const condition = isWell ? { type: "Progressing", status: "True", reason: "NewReplicaSetAvailable" } : { type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded" };
    const replicas = isWell ? 1 : 0;
    await cluster.client.for(deploymentResource).updateStatus({
      ...live,
      status: { observedGeneration: live.metadata.generation ?? 1, replicas: 1, updatedReplicas: 1, readyReplicas: replicas, availableReplicas: replicas, conditions: [condition] },
    });
    await eventually("the change of health", () => (cluster.gitops.facts().applications[0]?.health === "Healthy") === isWell);
  };
  await turn(false);
  await eventually("the report that it is not well", async () => (await page("apps/web.md")).includes("Degraded"));
  for (let count = 0; count < 8; count++) await turn(count % 2 === 0);
  await page("README.md");
  expect(await commits()).toBe(before + 1);
});

test("a commit that is not healthy when the server stops is not called healthy by the next one, before it is", async () => {
  await copy.commit({ "apps/job/p.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: slow}\nspec: {containers: [{name: c, image: mainstay.local/c:1}]}\n" });
  expect((await copy.push("-o", "wait=0")).code).toBe(0);
  const tip = (await copy.git("rev-parse", "--short=10", "HEAD")).text.trim();
  const deployed = () => cluster.gitops.facts().deploys.find(({ commit }) => commit.startsWith(tip));
  await eventually("the report of it", async () => (await page("README.md")).includes(tip) && deployed()?.appliedMs !== undefined);

  await cluster.stopGitOps();
  await cluster.startGitOps();
  await eventually("the application, looked at again", () => cluster.gitops.facts().applications.some(({ health }) => health === "Progressing"));
  expect(deployed()).toMatchObject({ result: "applied" });
  expect(deployed()).not.toHaveProperty("healthyMs");

  const pods = cluster.client.for(podResource);
  const status = { phase: "Succeeded" as const };
  await pods.patch("default", "slow", "merge", { status }, { subresource: "status" });
  await eventually("its health", () => deployed()?.healthyMs !== undefined);
});
