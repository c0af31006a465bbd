import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { hostedRepositories, readClusterFiles, writeClusterFiles } from "../../engine/backup/cluster-files.ts";
import { readRef } from "../../engine/gitops/git/git-refs.ts";
import { createTestRepository } from "../kit/git.ts";

test("every hosted repository comes back with its branches, and no mirror of what can be fetched again", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "ms-bf-"));
  try {
    const [old, fresh] = [path.join(folder, "old"), path.join(folder, "new")];
    const tips: (string | undefined)[] = [];
    for (const name of ["cluster", "remote", "shop", "sources/tools.1234"]) {
      using repository = await createTestRepository();
      await repository.commit({ "a.yaml": name });
      tips.push(await repository.commit({ "b.yaml": name }, "more", "topic"));
      await mkdir(path.dirname(path.join(old, "git", name)), { recursive: true });
      await rename(repository.gitDir, path.join(old, "git", `${name}.git`));
    }
    const files = await readClusterFiles(old);
    expect(files.map((file) => file.path)).toEqual(["git/cluster.bundle", "git/shop.bundle"]);
    await writeClusterFiles(fresh, files);
    expect(await hostedRepositories(fresh)).toEqual(["cluster", "shop"]);
    expect(await readRef(path.join(fresh, "git/cluster.git"), "refs/heads/topic")).toBe(tips[0]);
    expect(await readRef(path.join(fresh, "git/shop.git"), "refs/heads/topic")).toBe(tips[2]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
