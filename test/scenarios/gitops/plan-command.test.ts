import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runPlanCommand, type PlanFlags } from "../../../engine/cli/plan-command.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { applicationResource } from "../../../engine/resources/mainstay/application.ts";
import { configMapYaml, deploymentYaml, namespaceYaml } from "../../kit/git.ts";
import { encryptTree, newAgePair, toSopsYaml } from "../../kit/sops.ts";
import { startTestListener, type TestListener } from "../../kit/test-listener.ts";

let api: TestListener;
let folder: string;
beforeEach(async () => {
  api = await startTestListener();
  folder = mkdtempSync(path.join(os.tmpdir(), "ms-plan-"));
});
afterEach(async () => {
  await api.stop();
  rmSync(folder, { recursive: true, force: true });
});

const write = (files: Readonly<Record<string, string>>) => {
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(path.join(folder, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(folder, file), content);
  }
};
const git = (...args: string[]) => execFileSync("git", ["-c", "user.name=ada", "-c", "user.email=ada@example.org", ...args], { cwd: folder, stdio: "pipe" });
async function plan(flags: Partial<PlanFlags> = {}, directory = folder): Promise<{ isAccepted: boolean; text: string }> {
  let text = "";
  const isAccepted = await runPlanCommand(
    directory,
    { dataDir: "/nonexistent", kubeconfig: api.kubeconfig, path: ".", sopsAgeSecret: "mainstay-system/sops-age", ...flags },
    { write: (part) => (text += part) },
  );
  return { isAccepted, text };
}

describe("mainstay plan", () => {
  test("tells what the files at hand would do, before anything is committed or pushed", async () => {
    write({ "apps/web/d.yaml": deploymentYaml("web", 2), "apps/web/kustomization.yaml": "resources: [d.yaml]\nreplicas: [{name: web, count: 3}]\n" });
    const { isAccepted, text } = await plan();
    expect(isAccepted).toBe(true);
    expect(text).toContain("+ Deployment default/web\n");
    expect(text).toContain("! Deployment default/web: 0 of 3 pods fit: there is no node\n");
    expect(text).toContain("plan: 1 new object, 0 unchanged\n");
    expect((await api.client.for(deploymentResource).list("")).items).toEqual([]);
  });

  test("says what would be refused and where, by schema and by admission, and fails", async () => {
    write({ "apps/web/d.yaml": deploymentYaml("web", "many"), "apps/web/e.yaml": configMapYaml("c").replace("name: c", "name: c\n  namespace: nowhere") });
    const { isAccepted, text } = await plan();
    expect(isAccepted).toBe(false);
    expect(text).toContain("apps/web/d.yaml:6 spec.replicas: must be a non-negative integer\n");
    expect(text).toMatch(/apps\/web\/e\.yaml:\d+ metadata\.namespace: there is no Namespace nowhere/);
    expect(text).toContain("plan: would be refused: 2 problems\n");
  });

  test("reads a commit, branch or tag of the repository instead", async () => {
    git("init", "-q", "-b", "main");
    write({ "apps/web/c.yaml": configMapYaml("committed") });
    git("add", "-A");
    git("commit", "-q", "-m", "first");
    write({ "apps/web/c.yaml": configMapYaml("changed"), "apps/web/ignored.yaml": configMapYaml("ignored"), ".gitignore": "ignored.yaml\n" });
    expect((await plan({ ref: "main" })).text).toContain("+ ConfigMap default/committed\n");
    const { text } = await plan();
    expect(text).toContain("+ ConfigMap default/changed\n");
    expect(text).not.toContain("ignored");
    await expect(plan({ ref: "absent" })).rejects.toThrow(/absent is no commit, branch or tag/);
    const linked = path.join(folder, "linked");
    git("worktree", "add", "-q", "-b", "topic", linked);
    writeFileSync(path.join(linked, "apps/web/c.yaml"), configMapYaml("linked"));
    git("-C", linked, "commit", "-q", "-a", "-m", "second");
    expect((await plan({ ref: "HEAD" }, linked)).text).toContain("+ ConfigMap default/linked\n");
  });

  test("shows no value that was encrypted when what runs was deployed, also where it is in the open now", async () => {
    const pair = await newAgePair();
    const keys = path.join(folder, "..", `${path.basename(folder)}.key`);
    writeFileSync(keys, `${pair.identity}\n`);
    const content = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", namespace: "default" }, data: { password: "hush-hush", level: "info" } };
    try {
      const encrypted = await encryptTree(content, pair, { isEncrypted: ([first]) => first === "data", metadata: { encrypted_regex: "^data$" } });
      write({ "apps/web/c.yaml": toSopsYaml(encrypted) });
      const inventory = [{ version: "v1", kind: "ConfigMap", namespace: "default", name: "c", confidential: true }];
      const application = await api.client.for(applicationResource).create({ apiVersion: "mainstay.dev/v1alpha1", kind: "Application", metadata: { name: "web" } });
      await api.client.for(applicationResource).updateStatus({ ...application, status: { inventory } });
      await api.client.for(configMapResource).create(content);
      write({ "apps/web/c.yaml": configMapYaml("c", { password: "rotated", level: "debug" }) });
      const { text } = await plan({ sopsAgeKeyFile: keys });
      expect(text).toContain("~ ConfigMap default/c: ");
      expect(text).not.toMatch(/hush|rotated|debug|info/);
    } finally {
      rmSync(keys);
    }
  });

  test("takes links and submodules of the work tree for what they are in a commit", async () => {
    git("init", "-q", "-b", "main");
    write({ "apps/web/c.yaml": configMapYaml("c"), "apps/sub/c.yaml": configMapYaml("s") });
    symlinkSync("web", path.join(folder, "apps/linked"));
    git("add", "apps/web", "apps/linked");
    git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},apps/vendored`);
    mkdirSync(path.join(folder, "apps/vendored"));
    const { isAccepted, text } = await plan();
    expect(isAccepted).toBe(false);
    expect(text).toContain("apps/linked:1 symbolic links are not followed");
    expect(text).toContain("apps/vendored:1 submodules are not fetched");
    expect(text).toContain("would be refused: 2 problems");
  });

  test("objects of a namespace that comes with them are no mistake", async () => {
    write({
      "apps/web/ns.yaml": namespaceYaml("fresh"),
      "apps/web/c.yaml": configMapYaml("c").replace("name: c", "name: c\n  namespace: fresh"),
      "apps/web/d.yaml": deploymentYaml("web", 1).replace("name: web", "name: web\n  namespace: fresh"),
    });
    const { isAccepted, text } = await plan();
    expect(text).toContain("+ ConfigMap fresh/c\n");
    expect(isAccepted).toBe(true);
    // They are held against all that the server holds them against, not their schemas alone.
    write({ "apps/web/d.yaml": deploymentYaml("web", 1).replace("name: web", "name: web\n  namespace: fresh").replace("labels: {app: web}", "labels: {app: other}") });
    expect((await plan()).text).toMatch(/apps\/web\/d\.yaml:\d+ spec\.template\.metadata\.labels: /);
  });

  test("objects of a kind that comes with them are held against its definition", async () => {
    const definition =
      "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: cups.example.org}\nspec:\n  group: example.org\n  names: {kind: Cup, plural: cups, singular: cup, listKind: CupList}\n  scope: Namespaced\n  versions:\n    - name: v1\n      served: true\n      storage: true\n      schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer, maximum: 3}}}}}}\n";
    const cup = (size: number) => `apiVersion: example.org/v1\nkind: Cup\nmetadata: {name: mine, namespace: fresh}\nspec:\n  size: ${size}\n`;
    write({ "apps/cups/crd.yaml": definition, "apps/cups/ns.yaml": namespaceYaml("fresh"), "apps/cups/cup.yaml": cup(3) });
    const { isAccepted, text } = await plan();
    expect(text).toContain("+ Cup fresh/mine\n");
    expect(isAccepted).toBe(true);
    write({ "apps/cups/cup.yaml": cup(4) });
    expect((await plan()).text).toContain("apps/cups/cup.yaml:5 spec.size: ");
  });
});
