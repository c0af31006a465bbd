import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../engine/lib/clock.ts";
import { jobResource } from "../../../engine/resources/batch/job.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { configMapYaml, deploymentYaml, namespaceYaml } from "../../kit/git.ts";
import { eventually, startGitCluster, type GitCluster, type WorkingCopy } from "../../kit/git-cluster.ts";

let cluster: GitCluster;
let copy: WorkingCopy;
beforeEach(async () => {
  cluster = await startGitCluster();
  copy = await cluster.clone();
});
afterEach(() => cluster[Symbol.asyncDispose]());

const annotated = (yaml: string, annotations: Readonly<Record<string, string>>) => yaml.replace(/^metadata:\n/m, `metadata:\n  annotations: ${JSON.stringify(annotations)}\n`);
const jobYaml = (name: string, annotations: Readonly<Record<string, string>>) =>
  annotated(
    `apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: ${name}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{name: m, image: mainstay.local/m:1}]\n`,
    annotations,
  );

const jobs = async () => (await cluster.client.for(jobResource).list("default")).items;
const maps = async () => (await cluster.client.for(configMapResource).list("default")).items.map((map) => map.metadata.name).filter((name) => name !== "kube-root-ca.crt");
const reason = () => cluster.gitops.applications()[0]?.reason;

/** In place of the controller and a node. */
async function endJob(type: "Complete" | "Failed", name?: string): Promise<string> {
  const job = await eventually("a job that has not ended", async () =>
    (await jobs()).find((one) => one.status?.conditions === undefined && (name === undefined || one.metadata.name?.startsWith(name) === true)),
  );
  const time = "2026-01-01T00:00:00Z";
  const conditions = [
    { type: type === "Complete" ? "SuccessCriteriaMet" : "FailureTarget", status: "True", lastTransitionTime: time },
    { type, status: "True", lastTransitionTime: time, message: type === "Failed" ? "the schema is locked" : "" },
  ];
  await cluster.client.for(jobResource).updateStatus({ ...job, status: { startTime: time, ...(type === "Complete" ? { completionTime: time, succeeded: 1 } : { failed: 1 }), conditions } });
  return job.metadata.name ?? "";
}

describe("hooks", () => {
  test("before run first, and again only for another content; hooks after run when all else is ready", async () => {
    await copy.commit({
      "migrate.yaml": jobYaml("migrate", { "mainstay.dev/hook": "before" }),
      "smoke.yaml": jobYaml("smoke", { "argocd.argoproj.io/hook": "PostSync" }),
      "web.yaml": deploymentYaml("web", 1),
      "a.yaml": configMapYaml("a"),
    });
    expect((await copy.push("-o", "no-wait")).text).toContain("accepted");
    const first = await endJob("Complete", "migrate");
    expect(await maps()).toEqual([]);
    await endJob("Complete", "smoke");
    await cluster.gitops.firstSyncHealthy;
    expect(await maps()).toEqual(["a"]);

    // The time to live of a finished Job removes it; that is no reason to run it again.
    await cluster.client.for(jobResource).delete("default", first, { propagationPolicy: "Background" });
    await copy.commit({ "README.md": "unrelated\n" });
    expect((await copy.push()).text).toContain("healthy after");
    expect((await jobs()).map((job) => job.metadata.name)).toEqual([expect.stringMatching(/^smoke-/)]);

    await copy.commit({ "a.yaml": configMapYaml("a", { key: "2" }) });
    expect((await copy.push("-o", "no-wait")).code).toBe(0);
    const second = await endJob("Complete", "migrate");
    expect(second).not.toBe(first);
    await endJob("Complete", "smoke");
    await eventually("only the newest hooks to be left", async () => (await jobs()).length === 2);
  });

  test("and Jobs whose time to live is nothing run once, although they are gone before anybody looks", async () => {
    await copy.commit({
      "migrate.yaml": jobYaml("migrate", { "mainstay.dev/hook": "before" }),
      "import.yaml": jobYaml("import", {}),
      "a.yaml": configMapYaml("a"),
    });
    expect((await copy.push("-o", "no-wait")).text).toContain("accepted");
    for (const name of ["migrate", "import"]) await cluster.client.for(jobResource).delete("default", await endJob("Complete", name), { propagationPolicy: "Background" });
    await cluster.gitops.firstSyncHealthy;
    expect(await maps()).toEqual(["a"]);
    expect(await jobs()).toEqual([]);
    await cluster.stopGitOps();
    await cluster.startGitOps();
    await copy.commit({ "a.yaml": configMapYaml("a", { key: "2" }) });
    expect((await copy.push("-o", "no-wait")).code).toBe(0);
    // Another content of the unit is another run of the hook; the Job is what it was.
    await cluster.client.for(jobResource).delete("default", await endJob("Complete", "migrate"), { propagationPolicy: "Background" });
    await eventually("the commit", async () => (await cluster.client.for(configMapResource).get("default", "a")).data?.["key"] === "2");
    expect(await jobs()).toEqual([]);
  });

  test("that go slowly when they are over are not run again for that", async () => {
    await copy.commit({ "migrate.yaml": jobYaml("migrate", { "mainstay.dev/hook": "before" }), "a.yaml": configMapYaml("a") });
    await copy.push("-o", "no-wait");
    const name = await endJob("Complete");
    await eventually("the rest", async () => (await maps()).length === 1 && cluster.gitops.applications()[0]?.health === "Healthy");
    // As the time to live does it: the Job stays until its pods are gone.
    await cluster.client.for(jobResource).delete("default", name, { propagationPolicy: "Foreground" });
    await copy.commit({ "README.md": "meanwhile\n" });
    expect((await copy.push("-o", "wait=10s")).text).toContain("healthy");
    await cluster.client.for(jobResource).patch("default", name, "merge", { metadata: { finalizers: [] } });
    await copy.commit({ "README.md": "unrelated\n" });
    expect((await copy.push("-o", "wait=10s")).text).toContain("healthy");
    expect(await jobs()).toEqual([]);
  });

  test("that end let what waits for them go on by that alone, not by the next look at what is not well", async () => {
    await cluster[Symbol.asyncDispose]();
    const after = (delayMs: number, callback: () => void) => (delayMs < 5_000 ? systemClock.after(delayMs, callback) : () => {});
    cluster = await startGitCluster({}, { ...systemClock, after });
    copy = await cluster.clone();
    await copy.commit({ "migrate.yaml": jobYaml("migrate", { "mainstay.dev/hook": "before" }), "a.yaml": configMapYaml("a") });
    await copy.push("-o", "no-wait");
    await eventually("what waits to be told", () => reason()?.startsWith("ConfigMap default/a waits for Job default/migrate-"));
    await endJob("Complete");
    await eventually("the rest", async () => (await maps()).length === 1);
  });

  test("that fail keep everything after them from happening, and say why; the next commit mends it", async () => {
    await copy.commit({ "migrate.yaml": jobYaml("migrate", { "mainstay.dev/hook": "before" }), "a.yaml": configMapYaml("a") });
    await copy.push("-o", "no-wait");
    const failed = await endJob("Failed");
    await eventually("the reason to be told", () => reason() === "the schema is locked");
    expect(await maps()).toEqual([]);
    await copy.commit({ "a.yaml": configMapYaml("a", { key: "2" }) });
    await copy.push("-o", "no-wait");
    await eventually("another hook", async () => (await jobs()).some((job) => job.metadata.name !== failed));
    await endJob("Complete");
    await eventually("the rest", async () => (await maps()).length === 1 && (await jobs()).length === 1);
  });
});

describe("hooks of Argo CD and Helm", () => {
  test("run at each of their moments, and go once they are done where they say so, over a restart as well", async () => {
    await copy.commit({
      "check.yaml": jobYaml("check", { "helm.sh/hook": "pre-install,pre-upgrade,post-install,post-upgrade", "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded" }),
      "a.yaml": configMapYaml("a"),
    });
    await copy.push("-o", "no-wait");
    const first = await endJob("Complete");
    await eventually("it to be gone", async () => !(await jobs()).some(({ metadata }) => metadata.name === first));
    const second = await endJob("Complete");
    expect(second).not.toBe(first);
    expect(await maps()).toEqual(["a"]);
    await eventually("no hook to be left", async () => (await jobs()).length === 0);
    await cluster.gitops.firstSyncHealthy;
    await cluster.stopGitOps();
    await cluster.startGitOps();
    await cluster.gitops.firstSyncHealthy;
    await copy.commit({ "README.md": "unrelated\n" });
    expect((await copy.push()).text).toContain("healthy after");
    expect(await jobs()).toEqual([]);
    await copy.commit({ "a.yaml": configMapYaml("a", { key: "2" }) });
    await copy.push("-o", "no-wait");
    await endJob("Complete");
    await endJob("Complete");
    await eventually("no hook to be left", async () => (await jobs()).length === 0);
  });

  test("that are pods are done when they end, and what they ask for in vain is told", async () => {
    await copy.commit({
      "check.yaml":
        'apiVersion: v1\nkind: Pod\nmetadata:\n  generateName: check-\n  annotations: {argocd.argoproj.io/hook: "PreSync,SyncFail"}\nspec: {restartPolicy: Never, containers: [{name: c, image: mainstay.local/c:1}]}\n',
      "a.yaml": configMapYaml("a"),
    });
    const pushed = await copy.push("-o", "no-wait");
    expect(pushed.text).toContain("note: check.yaml:1 hook SyncFail has no moment here; it runs only before");
    const pods = cluster.client.for(podResource);
    const pod = await eventually("the pod", async () => (await pods.list("default")).items[0]);
    await pods.updateStatus({ ...pod, status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] } });
    await eventually("the pod to be seen", () => reason()?.includes("waits for Pod default/check-"));
    expect(await maps()).toEqual([]);
    await pods.updateStatus({ ...(await pods.get("default", pod.metadata.name ?? "")), status: { phase: "Succeeded" } });
    await eventually("the rest", async () => (await maps()).length === 1);
  });
});

describe("what objects live in", () => {
  test("does not wait for the hook that runs before it", async () => {
    await copy.commit({
      "namespace.yaml": namespaceYaml("default2"),
      "migrate.yaml": jobYaml("migrate", { "argocd.argoproj.io/hook": "PreSync" }).replace("  name: migrate", "  name: migrate\n  namespace: default2"),
      "a.yaml": configMapYaml("a"),
    });
    expect((await copy.push("-o", "wait=2s")).text).toMatch(/… root Progressing — ConfigMap default\/a waits for Job default2\/migrate-/);
    expect((await cluster.client.for(jobResource).list("default2")).items).toHaveLength(1);
    expect(await maps()).toEqual([]);
  });
});

describe("what a hook needs", () => {
  test("must be there before it: the push is refused where it would come after, and taken where it exists already", async () => {
    const account = "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: robot\n";
    const hook = jobYaml("migrate", { "mainstay.dev/hook": "before" }).replace("      restartPolicy: Never\n", "      restartPolicy: Never\n      serviceAccountName: robot\n");
    await copy.commit({ "robot.yaml": account, "migrate.yaml": hook });
    const refused = await copy.push();
    expect(refused.code).not.toBe(0);
    expect(refused.text).toContain(
      "migrate.yaml:10 spec.template.spec.serviceAccountName: ServiceAccount default/robot is not there yet and comes only after this object, which cannot be ready without it; give robot.yaml:1 the annotations of this object's hook and wave",
    );
    await copy.commit({ "robot.yaml": annotated(account, { "mainstay.dev/hook": "before" }) });
    expect((await copy.push("-o", "no-wait")).code).toBe(0);
    await endJob("Complete");
    await cluster.gitops.firstSyncHealthy;
    await copy.commit({ "robot.yaml": account });
    expect((await copy.push("-o", "no-wait")).code).toBe(0);
  });
});

describe("the deadline", () => {
  test("of a commit begins with it, however long the one before has not been healthy", async () => {
    cluster.setRollouts(false);
    await copy.commit({ "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits: [{path: ., deadline: 2s}]\n", "web.yaml": deploymentYaml("web", 1) });
    await copy.push("-o", "no-wait");
    await eventually("the deadline to pass", () => reason()?.startsWith("not healthy within 2 s"));
    await copy.commit({ "web.yaml": deploymentYaml("web", 2) });
    const { text } = await copy.push("-o", "wait=1s");
    expect(text).toMatch(/… root Progressing/);
    expect(text).not.toContain("not healthy within");
  });
});

describe("waves", () => {
  test("go on by the event that the one before is ready with this commit (pain 20), and go on after a restart", async () => {
    cluster.setRollouts(false);
    await copy.commit({
      "db.yaml": annotated(deploymentYaml("db", 1), { "mainstay.dev/wave": "-1" }),
      "a.yaml": configMapYaml("a"),
      "z.yaml": annotated(configMapYaml("z"), { "mainstay.dev/wave": "2" }),
    });
    const pushed = await copy.push("-o", "no-wait");
    expect(pushed.text).toContain("+ ConfigMap default/z");
    await eventually("the first wave to be waited for", () => reason() === "ConfigMap default/a waits for Deployment default/db");
    await cluster.stopGitOps();
    await cluster.startGitOps();
    await eventually("the wait to be known again", () => reason()?.includes("waits for Deployment default/db"));
    expect(await maps()).toEqual([]);
    cluster.setRollouts(true);
    await eventually("all waves", async () => (await maps()).length === 2);
  });

  test("that can never be are refused at the push, with their path", async () => {
    await copy.commit({ "a.yaml": annotated(configMapYaml("a"), { "mainstay.dev/depends-on": "ConfigMap/b" }), "b.yaml": annotated(configMapYaml("b"), { "mainstay.dev/wave": "1" }) });
    const { code, text } = await copy.push();
    expect(code).not.toBe(0);
    expect(text).toContain("a.yaml:1 objects wait for each other: ConfigMap default/a → ConfigMap default/b → wave 0 of root → ConfigMap default/a");
  });
});
