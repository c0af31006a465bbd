import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import { configMapYaml, deploymentYaml } from "../../kit/git.ts";
import { eventually, startGitCluster, type GitCluster, type WorkingCopy } from "../../kit/git-cluster.ts";
import { encryptTree, newAgePair, toSopsYaml, type AgePair } from "../../kit/sops.ts";

let cluster: GitCluster;
let copy: WorkingCopy;
beforeEach(async () => {
  cluster = await startGitCluster({ ageKeys: { file: undefined, secret: "mainstay-system/sops-age" } });
  copy = await cluster.clone();
});
afterEach(() => cluster[Symbol.asyncDispose]());

const app = {
  "bases/web/kustomization.yaml": "resources: [d.yaml]\n",
  "bases/web/d.yaml": deploymentYaml("web", 1),
  "apps/web/kustomization.yaml": "resources: [../../bases/web]\npatches:\n- path: patch.yaml\nconfigMapGenerator:\n- name: settings\n  literals: [mode=fast]\n",
};
const patch = (spec: string) => `apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n${spec}`;

async function everythingOnStatusBranch(): Promise<string> {
  await copy.git("fetch", "-q", "origin", "status/local");
  return (await copy.git("log", "-p", "--format=%B", "FETCH_HEAD")).text;
}

describe("an application that a kustomization renders", () => {
  test("runs as it is rendered; generated names follow their content, and the old ones are pruned", async () => {
    await copy.commit({ ...app, "apps/web/patch.yaml": patch("  replicas: 3\n") });
    expect((await copy.push()).code).toBe(0);
    const maps = async () => (await cluster.client.for(configMapResource).list("default")).items.map((map) => map.metadata.name ?? "").filter((name) => name.startsWith("settings-"));
    await eventually("the deployment", async () => (await cluster.client.for(deploymentResource).list("default")).items[0]?.spec?.replicas === 3);
    const [before] = await eventually("the generated map", async () => ((await maps()).length === 1 ? maps() : undefined));
    await copy.commit({ "apps/web/kustomization.yaml": app["apps/web/kustomization.yaml"].replace("fast", "slow") });
    await copy.push();
    await eventually("the map of the new content alone", async () => (await maps()).length === 1 && !(await maps()).includes(before ?? ""));
  });

  test("is refused at the line of the patch when only the server can tell, and nothing changes", async () => {
    await copy.commit({ ...app, "apps/web/patch.yaml": patch("  replicas: 1\n") });
    await copy.push();
    await copy.commit({ "apps/web/patch.yaml": patch("  strategy:\n    type: Recreate\n    rollingUpdate:\n      maxSurge: 1\n") });
    const refused = await copy.push();
    expect(refused.code).not.toBe(0);
    expect(refused.text).toMatch(/remote: apps\/web\/patch\.yaml:8 spec\.strategy\.rollingUpdate: /);
    await copy.commit({ "apps/web/patch.yaml": patch("  replicas: 2\n"), "bases/web/d.yaml": deploymentYaml("web", 1).replace("matchLabels: {app: web}", "matchLabels: {app: other}") });
    expect((await copy.push()).text).toMatch(/remote: bases\/web\/d\.yaml:\d+ spec\.template\.metadata\.labels/);
  });
});

describe("an encrypted Secret", () => {
  let pair: AgePair;
  const encrypted = async (password: string) =>
    toSopsYaml(
      await encryptTree({ apiVersion: "v1", kind: "Secret", metadata: { name: "db" }, stringData: { password } }, pair, {
        isEncrypted: (steps) => steps[0] === "stringData",
        metadata: { encrypted_regex: "^(data|stringData)$" },
      }),
    );

  test("is refused until the cluster has the key, then applied; its value appears nowhere (pain 17)", async () => {
    pair = await newAgePair();
    await copy.commit({ "apps/db/secret.enc.yaml": await encrypted("correct-horse") });
    const refused = await copy.push();
    expect(refused.code).not.toBe(0);
    expect(refused.text).toContain("remote: apps/db/secret.enc.yaml:1 the file is encrypted to age1");

    await cluster.client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "mainstay-system" } });
    await cluster.client
      .for(secretResource)
      .create({ apiVersion: "v1", kind: "Secret", metadata: { name: "sops-age", namespace: "mainstay-system" }, data: { "keys.txt": Buffer.from(`# key\n${pair.identity}\n`).toString("base64") } });
    const first = await copy.push();
    expect(first.code).toBe(0);
    const secret = await eventually("the secret", async () => (await cluster.client.for(secretResource).list("default")).items.find((item) => item.metadata.name === "db"));
    expect(Buffer.from(secret.data?.["password"] ?? "", "base64").toString()).toBe("correct-horse");

    await copy.commit({ "apps/db/secret.enc.yaml": await encrypted("battery-staple") });
    const second = await copy.push();
    expect(second.text).toMatch(/remote: ~ Secret default\/db: .*<changed, 14 bytes>/);
    await eventually("the new deploy's page", async () => (await everythingOnStatusBranch()).includes("<changed, 14 bytes>"));
    for (const text of [refused.text, first.text, second.text, await everythingOnStatusBranch()])
      expect(text).not.toMatch(/correct-horse|battery-staple|AGE-SECRET-KEY|Y29ycmVjdC1ob3JzZQ|YmF0dGVyeS1zdGFwbGU/);
  });
});

test("what was encrypted once is not shown when it comes back in the open, also after it had left and the engine was started again", async () => {
  const pair = await newAgePair();
  await cluster.client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "mainstay-system" } });
  await cluster.client
    .for(secretResource)
    .create({ apiVersion: "v1", kind: "Secret", metadata: { name: "sops-age", namespace: "mainstay-system" }, data: { "keys.txt": Buffer.from(`${pair.identity}\n`).toString("base64") } });
  const content = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" }, data: { password: "correct-horse" } };
  const encrypted = toSopsYaml(await encryptTree(content, pair, { isEncrypted: ([first]) => first === "data", metadata: { encrypted_regex: "^data$" } }));
  const plain = (word: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {password: ${word}}\n`;
  await copy.commit({
    "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits: [{path: apps/*, prune: false}]\n",
    "apps/db/c.yaml": encrypted,
    "apps/db/other.yaml": configMapYaml("other"),
  });
  expect((await copy.push()).code).toBe(0);
  await copy.commit({ "apps/db/c.yaml": undefined });
  expect((await copy.push()).text).toContain("stays although it left the repository");
  await cluster.stopGitOps();
  await cluster.startGitOps();
  await copy.commit({ "apps/db/c.yaml": plain("in-the-open") });
  const back = await copy.push();
  expect(back.text).toContain("~ ConfigMap default/c: ");
  await copy.commit({ "apps/db/c.yaml": plain("changed-again") });
  const again = await copy.push();
  expect(again.code).toBe(0);
  for (const { text } of [back, again]) expect(text).not.toMatch(/correct-horse|in-the-open/);
});
