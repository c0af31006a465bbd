import { writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { applicationResource } from "../../../engine/resources/mainstay/application.ts";
import type { ApplicationHold } from "../../../engine/resources/types.ts";
import { configMapYaml, deploymentYaml } from "../../kit/git.ts";
import { eventually, startGitCluster, type GitCluster, type WorkingCopy } from "../../kit/git-cluster.ts";

let cluster: GitCluster;
let copy: WorkingCopy;
beforeEach(async () => {
  cluster = await startGitCluster();
  copy = await cluster.clone();
});
afterEach(() => cluster[Symbol.asyncDispose]());

const config = (unit: string) => `apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits:\n- {path: ., ${unit}}\n`;
const replicas = async () => (await cluster.client.for(deploymentResource).get("default", "web")).spec?.replicas;
const data = async () => (await cluster.client.for(configMapResource).get("default", "a")).data?.["key"];
const scaleTo = (count: number) => cluster.client.for(deploymentResource).patch("default", "web", "merge", { spec: { replicas: count } });
const app = () => cluster.gitops.applications()[0];
async function hold(holds: readonly ApplicationHold[]): Promise<void> {
  await cluster.client
    .for(applicationResource)
    .update({ ...(await cluster.client.for(applicationResource).get("", "root")), spec: { ...(await cluster.client.for(applicationResource).get("", "root")).spec, holds } });
}
const soon = (ms: number) => new Date(Date.now() + ms).toISOString().replace(/\.\d+Z$/, "Z");

async function deploy(files: Readonly<Record<string, string | undefined>>): Promise<string> {
  await copy.commit(files);
  const { code, text } = await copy.push();
  expect(code, text).toBe(0);
  return text;
}

describe("a change of what Git states", () => {
  test("is refused with the file to edit, when that is the policy; what Git does not state stays free", async () => {
    await deploy({ "mainstay.yaml": config("drift: refuse"), "web.yaml": deploymentYaml("web", 1) });
    await expect(scaleTo(5)).rejects.toThrow("spec.replicas comes from Git: edit web.yaml:6 and push; in an emergency, hold it first: mainstay hold root 1h");
    await expect(cluster.client.for(deploymentResource).delete("default", "web")).rejects.toThrow("Deployment web comes from Git");
    await cluster.client.for(deploymentResource).patch("default", "web", "merge", { metadata: { annotations: { note: "mine" } } });
    expect(await replicas()).toBe(1);
    await hold([{ until: soon(3_600_000), by: "ada" }]);
    await eventually("the hold to be shown", () => app()?.holds?.[0]?.includes("by ada"));
    await scaleTo(5);
    await deploy({ "README.md": "unrelated\n" });
    expect(await replicas()).toBe(5);
  });

  test("is put back with the name of who made it, also of who took a field away, scaled, or deleted the object", async () => {
    await deploy({ "a.yaml": configMapYaml("a", { key: "value", other: "x" }), "web.yaml": deploymentYaml("web", 1) });
    const [alice, bob, carol] = ["alice", "bob", "carol"].map((user) => cluster.api.as(user, ["system:masters"], "kubectl-edit"));
    const put = (object: string, change: string, writer: string) =>
      eventually(`${change} by ${writer}`, () => cluster.gitops.facts().drift.some((drift) => drift.object === object && drift.change === change && drift.writer === writer));
    await alice?.for(configMapResource).patch("default", "a", "merge", { data: { key: null } });
    await put("ConfigMap default/a", "+data.key value", "alice");
    await bob?.for(configMapResource).patch("default", "a", "merge", { data: { key: "theirs" } });
    await put("ConfigMap default/a", "data.key theirs→value", "bob with kubectl-edit");
    await carol?.for(configMapResource).delete("default", "a");
    await put("ConfigMap default/a", "was deleted, made again", "carol");
    // Of a change that is only tried, nobody is the writer.
    await carol?.for(deploymentResource).patch("default", "web", "merge", { spec: { replicas: 9 } }, { dryRun: true });
    await alice?.for(deploymentResource).patch("default", "web", "merge", { spec: { replicas: 5 } });
    await put("Deployment default/web", "replicas 5→1", "alice with kubectl-edit");
  });

  test("stays and is shown, also over a restart, when drift is only reported; the next commit of it wins", async () => {
    await deploy({ "mainstay.yaml": config("drift: report"), "web.yaml": deploymentYaml("web", 1) });
    await scaleTo(5);
    const shown = () => app()?.objects[0]?.leftToOthers.some((text) => text.startsWith("replicas 1→5"));
    await eventually("the drift to be shown", shown);
    await cluster.stopGitOps();
    await cluster.startGitOps();
    await eventually("the drift to be known again", shown);
    expect(await replicas()).toBe(5);
    await deploy({ "web.yaml": deploymentYaml("web", 2) });
    expect(await replicas()).toBe(2);
  });

  test("becomes a branch with a commit that makes the same change, one for each application (pain 23), when it shall be proposed; merged, all agree", async () => {
    await writeFile(path.join(copy.folder, "deploy.sh"), "#!/bin/sh\n", { mode: 0o755 });
    await deploy({ "mainstay.yaml": config("drift: propose"), "web.yaml": `# keep me\n${deploymentYaml("web", 1)}` });
    await scaleTo(5);
    await eventually("the branch", async () => (await copy.git("fetch", "-q", "origin", "mainstay/drift/root")).code === 0);
    expect((await copy.git("diff", "--name-only", "HEAD", "FETCH_HEAD")).text).toBe("web.yaml\n");
    expect((await copy.git("diff", "HEAD", "FETCH_HEAD", "--", "web.yaml")).text).toMatch(/-  replicas: 1\n\+  replicas: 5\n/);
    expect((await copy.git("log", "-1", "--format=%B", "FETCH_HEAD")).text).toContain("- web.yaml:7 Deployment default/web: replicas 1→5 (by ");
    await copy.git("-c", "user.name=a", "-c", "user.email=a@example.org", "merge", "-q", "FETCH_HEAD");
    expect((await copy.push()).code).toBe(0);
    await eventually("agreement", () => app()?.objects[0]?.leftToOthers.length === 0);
    expect(await replicas()).toBe(5);
  });
});

describe("an object that is only made once", () => {
  test.each(["mainstay.dev/apply: once", "kustomize.toolkit.fluxcd.io/ssa: IfNotPresent", "kustomize.toolkit.fluxcd.io/reconcile: disabled"])(
    "(%s) is made again when it is gone, and else what others make of it",
    async (annotation) => {
      const map = (key: string) => configMapYaml("a", { key }).replace("  name: a", `  name: a\n  annotations: {${annotation}}`);
      await cluster.client.for(configMapResource).create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "theirs", namespace: "default" }, data: { key: "theirs" } });
      await deploy({ "mainstay.yaml": config("drift: refuse"), "a.yaml": map("first"), "theirs.yaml": map("ours").replace("name: a\n", "name: theirs\n"), "b.yaml": configMapYaml("b") });
      expect(await data()).toBe("first");
      await cluster.client.for(configMapResource).patch("default", "a", "merge", { data: { key: "made by a program" } });
      expect(await deploy({ "a.yaml": map("second"), "b.yaml": configMapYaml("b", { key: "2" }) })).not.toContain("ConfigMap default/a");
      await eventually("the rest of the commit", async () => (await cluster.client.for(configMapResource).get("default", "b")).data?.["key"] === "2");
      expect(await data()).toBe("made by a program");
      expect((await cluster.client.for(configMapResource).get("default", "theirs")).data).toEqual({ key: "theirs" });
      await cluster.client.for(configMapResource).delete("default", "a");
      await eventually("it to be there again", async () => (await data().catch(() => undefined)) === "second");
    },
  );
});

describe("what is left alone", () => {
  test("ignored fields keep their live value in plans and in applies (pain 3)", async () => {
    await deploy({ "mainstay.yaml": config("ignore: [{kind: Deployment, fields: [spec.replicas]}]"), "web.yaml": deploymentYaml("web", 1) });
    await scaleTo(5);
    expect(await deploy({ "web.yaml": deploymentYaml("web", 3) })).not.toContain("replicas");
    const text = await deploy({ "web.yaml": deploymentYaml("web", 3, "mainstay.local/web:2") });
    expect(text).toContain("~ Deployment default/web: image 1→2");
    expect(await replicas()).toBe(5);
    await deploy({ "mainstay.yaml": config("prune: true") });
    expect(await replicas()).toBe(3);
  });

  test("a suspended application is told as suspended, not as missing, when it was never applied", async () => {
    await copy.commit({ "mainstay.yaml": config("suspend: true"), "a.yaml": configMapYaml("a") });
    expect((await copy.push("-o", "wait=2s")).text).toContain("root is left as it is: suspended in mainstay.yaml; 1 change waits");
    expect(app()).toMatchObject({ health: "Suspended", objects: [{ health: "Suspended", reason: "suspended in mainstay.yaml; 1 change waits" }] });
  });

  test("what leaves a suspended application waits, and whoever pushes it is told so", async () => {
    await deploy({ "mainstay.yaml": config("suspend: false"), "a.yaml": configMapYaml("a"), "b.yaml": configMapYaml("b") });
    await deploy({ "mainstay.yaml": config("suspend: true") });
    const text = await deploy({ "b.yaml": undefined });
    expect(text).toContain("- ConfigMap default/b");
    expect(text).toContain("= ConfigMap default/b stays for now: suspended in mainstay.yaml");
    expect(text).toContain("root is left as it is: suspended in mainstay.yaml; 1 change waits");
    expect(text).not.toMatch(/applied in|healthy after/);
    expect(app()).toMatchObject({ health: "Suspended" });
    expect((await cluster.client.for(configMapResource).list("default")).items.map(({ metadata }) => metadata.name)).toContain("b");
    expect(await deploy({ "mainstay.yaml": config("suspend: false") })).not.toMatch(/stays for now|left as it is/);
    await expect.poll(async () => (await cluster.client.for(configMapResource).list("default")).items.map(({ metadata }) => metadata.name)).not.toContain("b");
  });

  test("a suspended application takes commits in and applies them when it goes on", async () => {
    await deploy({ "a.yaml": configMapYaml("a", { key: "1" }) });
    expect(await deploy({ "mainstay.yaml": config("suspend: true"), "a.yaml": configMapYaml("a", { key: "2" }) })).toContain("root is left as it is: suspended in mainstay.yaml; 1 change waits");
    expect(await data()).toBe("1");
    await deploy({ "mainstay.yaml": config("suspend: false") });
    expect(await data()).toBe("2");
  });

  test("a hold ends by itself, and what waited is applied then (pain 21)", async () => {
    // That the window will close at some time is known before the hold is.
    const windows = 'windows: [{schedule: "0 0 * * *", duration: 24h}]';
    await deploy({ "mainstay.yaml": config(windows), "a.yaml": configMapYaml("a", { key: "1" }), "b.yaml": configMapYaml("b", { key: "1" }) });
    const until = soon(6_000);
    await hold([{ object: "ConfigMap/a", until, reason: "incident" }]);
    // On a machine that is busy beyond reason it may be over before it is seen; what is left of the test still holds.
    await eventually("the hold to be known", () => app()?.holds !== undefined || Date.now() > Date.parse(until));
    await copy.commit({ "a.yaml": configMapYaml("a", { key: "2" }), "b.yaml": configMapYaml("b", { key: "2" }) });
    expect((await copy.push("-o", "no-wait")).code).toBe(0);
    await eventually("the other object", async () => (await cluster.client.for(configMapResource).get("default", "b")).data?.["key"] === "2");
    await eventually("the hold to end", async () => (await data()) === "2");
    await eventually("the hold to be forgotten", () => app()?.holds === undefined && app()?.health === "Healthy");
  });

  test("a window that cannot be read refuses the commit, with its line", async () => {
    await copy.commit({
      "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits:\n- path: .\n  windows:\n  - {schedule: 0 25 * * *, duration: 1h}\n",
      "a.yaml": configMapYaml("a"),
    });
    const { code, text } = await copy.push();
    expect(code).not.toBe(0);
    expect(text).toMatch(/mainstay\.yaml:6 units\[0\]\.windows\[0\]\.schedule: /);
  });
});
