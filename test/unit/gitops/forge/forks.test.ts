import { expect, test } from "vitest";
import type { ForgeHttp } from "../../../../engine/gitops/forge/forge-http.ts";
import { openForge, type ForgeType } from "../../../../engine/gitops/forge/forge.ts";
import { giteaForge } from "../../../../engine/gitops/forge/gitea.ts";
import { githubForge } from "../../../../engine/gitops/forge/github.ts";
import { gitlabForge } from "../../../../engine/gitops/forge/gitlab.ts";
import { NEVER } from "../../../../engine/lib/abort.ts";
import { startFakeForge } from "../../../kit/forge.ts";

const OPEN = { github: githubForge, gitlab: gitlabForge, gitea: giteaForge };

test.each<[string, ForgeType, object, boolean]>([
  ["of a branch of the repository", "github", { head: { repo: { id: 1 } }, base: { repo: { id: 1 } } }, false],
  ["of a fork", "github", { head: { repo: { id: 2 } }, base: { repo: { id: 1 } } }, true],
  ["of a fork that was deleted", "github", { head: { repo: null }, base: { repo: { id: 1 } } }, true],
  ["that does not say", "github", {}, true],
  ["of a branch of the repository", "gitlab", { source_project_id: 1, target_project_id: 1 }, false],
  ["of a fork", "gitlab", { source_project_id: 2, target_project_id: 1 }, true],
  ["of a fork that was deleted", "gitlab", { source_project_id: null, target_project_id: 1 }, true],
  ["of a branch of the repository", "gitea", { head: { label: "topic", repo_id: 1 }, base: { repo_id: 1 } }, false],
  ["of a fork", "gitea", { head: { label: "topic", repo_id: 2 }, base: { repo_id: 1 } }, true],
  ["of a fork that was deleted", "gitea", { head: { label: "topic", repo_id: -1 }, base: { repo_id: 1 } }, true],
  ["that was pushed to refs/for", "gitea", { head: { label: "", repo_id: 1 }, base: { repo_id: 1 } }, true],
])("a request %s (%s): %j", async (_what, type, request, isOfFork) => {
  const http: ForgeHttp = { get: async () => [{ number: 7, iid: 7, ...request }], send: async () => undefined };
  expect(await OPEN[type]("ada/cluster", http).openRequests(NEVER)).toMatchObject([{ number: 7, isOfFork }]);
});

test("GitLab, which takes no status of a commit on no branch, is not asked for one over and over", async () => {
  await using forge = await startFakeForge("gitlab");
  forge.requests.push({ number: 7, head: "a".repeat(40), base: "main", labels: [], isOfFork: true });
  const { setStatus } = openForge({ type: "gitlab", api: forge.api, project: "ada/cluster" }, "forge-token");
  await setStatus({ commit: "a".repeat(40), context: "mainstay/local/plan", state: "success", description: "1 change" }, NEVER);
  expect(forge.calls).toHaveLength(1);
  await expect(setStatus({ commit: "unknown", context: "mainstay/local/plan", state: "success", description: "1 change" }, NEVER)).rejects.toThrow("404");
});
