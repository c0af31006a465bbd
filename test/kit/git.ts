import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { GitStore } from "../../engine/gitops/git/git-source.ts";
import { readRef } from "../../engine/gitops/git/git-refs.ts";
import { openGitStore } from "../../engine/gitops/git/git-store.ts";
import { writeChangedTree } from "../../engine/gitops/git/git-tree.ts";
import { ensureHostedRepository } from "../../engine/gitops/git/hosted-repository.ts";

/** A bare repository in a temporary folder. `commit` changes files on a branch (undefined deletes one) and returns the new commit. */
export interface TestRepository extends Disposable {
  readonly gitDir: string;
  readonly store: GitStore;
  commit(files: Readonly<Record<string, string | Buffer | undefined>>, message?: string, branch?: string): Promise<string>;
  tip(branch?: string): Promise<string | undefined>;
}

export async function createTestRepository(): Promise<TestRepository> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "ms-git-"));
  const gitDir = path.join(folder, "r.git");
  await ensureHostedRepository(gitDir, "main");
  const store = openGitStore(gitDir);
  let time = Date.UTC(2026, 0, 1);
  return {
    gitDir,
    store,
    tip: (branch = "main") => readRef(gitDir, `refs/heads/${branch}`),
    async commit(files, message = "change", branch = "main") {
      const ref = `refs/heads/${branch}`;
      const parent = await readRef(gitDir, ref);
      const base = parent === undefined ? undefined : (await store.objects.commit(parent)).tree;
      const tree = await writeChangedTree(store, base, new Map(Object.entries(files)));
      const commit = await store.writeCommit({ tree, parents: parent === undefined ? [] : [parent], message, signature: { name: "Ada", email: "ada@example.org", time: (time += 60_000) } });
      const result = await store.pushRef(ref, parent, commit);
      if (result.is !== "pushed") throw new Error(result.reason);
      return commit;
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Small manifests, showing only the fields that matter. */
export const deploymentYaml = (name: string, replicas: number | string = 3, image = "mainstay.local/web:1") => `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
spec:
  replicas: ${replicas}
  selector:
    matchLabels: {app: ${name}}
  template:
    metadata:
      labels: {app: ${name}}
    spec:
      containers:
        - name: ${name}
          image: ${image}
`;
export const configMapYaml = (name: string, data: Readonly<Record<string, string>> = { key: "value" }) => `apiVersion: v1
kind: ConfigMap
metadata:
  name: ${name}
data:
${Object.entries(data)
  .map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`)
  .join("\n")}
`;
export const namespaceYaml = (name: string) => `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ${name}\n`;
