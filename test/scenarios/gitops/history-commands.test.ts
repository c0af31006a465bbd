import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runAtCommand, runDiffCommand, runHistoryCommand } from "../../../engine/cli/history-command.ts";
import { runBisectCommand } from "../../../engine/cli/bisect-command.ts";
import { runRollbackCommand } from "../../../engine/cli/rollback-command.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { deploymentYaml } from "../../kit/git.ts";
import { eventually, startGitCluster, type GitCluster, type WorkingCopy } from "../../kit/git-cluster.ts";

let cluster: GitCluster;
let copy: WorkingCopy;
const commits: string[] = [];
const config = "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nstatus: {minInterval: 10ms}\n";

async function deploy(files: Readonly<Record<string, string>>, message: string): Promise<void> {
  await copy.commit(files, message);
  const { code, text } = await copy.push();
  expect(code, text).toBe(0);
  const head = await copy.head();
  commits.push(head);
  // The report of it must be there before the next one, for a report may tell of several.
  await eventually("the report", async () => {
    await copy.git("fetch", "-q", "origin", "status/local");
    return (
      (await copy.git("log", "-1", "--format=%B", "FETCH_HEAD")).text.includes(`Mainstay-Desired-Commit: ${head}`) && (await copy.git("show", "FETCH_HEAD:README.md")).text.includes("🟩 Healthy ·")
    );
  });
}
async function run(work: (flags: { dir: string; remote: string }, output: { write(text: string): unknown }) => Promise<unknown>): Promise<string> {
  let text = "";
  await work({ dir: copy.folder, remote: "origin" }, { write: (part) => (text += part) });
  return text;
}
const replicas = async (name: string) => (await cluster.client.for(deploymentResource).get("default", name)).spec?.replicas;

beforeEach(async () => {
  commits.length = 0;
  cluster = await startGitCluster();
  copy = await cluster.clone("ada");
  await copy.git("config", "user.name", "Ada");
  await copy.git("config", "user.email", "ada@example.org");
  await deploy({ "mainstay.yaml": config, "apps/web/d.yaml": deploymentYaml("web", 1), "apps/api/d.yaml": deploymentYaml("api", 1) }, "Start");
  await deploy({ "apps/web/d.yaml": deploymentYaml("web", 2), "apps/api/d.yaml": deploymentYaml("api", 2) }, "Scale both");
});
afterEach(() => cluster[Symbol.asyncDispose]());

describe("the past, from the status branch of any clone", () => {
  test("is listed, shown as it was, and compared", async () => {
    const history = await run((flags, output) => runHistoryCommand(undefined, { ...flags, limit: 5 }, output));
    await expect(run((flags, output) => runHistoryCommand("nosuch", { ...flags, limit: 5 }, output))).rejects.toThrow("nothing is known of nosuch");
    expect(history.split("\n").slice(0, 3)).toEqual([
      expect.stringMatching(/^WHEN \(UTC\) +COMMIT +RESULT +AFTER +BY +WHAT$/),
      expect.stringMatching(new RegExp(`${commits[1]?.slice(0, 10)} +applied +[0-9.]+ m?s +ada +Scale both$`)),
      expect.stringMatching(new RegExp(`${commits[0]?.slice(0, 10)} +applied +[0-9.]+ m?s +ada +Start$`)),
    ]);
    expect(await run((flags, output) => runHistoryCommand("web", { ...flags, limit: 20 }, output))).toMatch(new RegExp(`${commits[1]?.slice(0, 10)} +Healthy +2/2 +mainstay.local/web:1`));
    expect(await run((flags, output) => runAtCommand(commits[0]?.slice(0, 8) ?? "", flags, output))).toContain('"Start"');
    expect(JSON.parse(await run((flags, output) => runAtCommand(new Date(Date.now() + 60_000).toISOString(), { ...flags, json: true }, output)))).toMatchObject({ commit: { id: commits[1] } });
    const diff = await run((flags, output) => runDiffCommand(commits[0] ?? "", commits[1], flags, output));
    expect(diff).toContain("~ web: ready 1/1 → 2/2");
    expect(await runDiffCommand(commits[0] ?? "", commits[1], { dir: copy.folder, remote: "origin" }, { write: () => true })).toBe(true);
    expect(await runDiffCommand(commits[1] ?? "", commits[1], { dir: copy.folder, remote: "origin" }, { write: () => true })).toBe(false);
    // By the names that Git has for them, too.
    expect(await run((flags, output) => runDiffCommand("HEAD~1", "HEAD", flags, output))).toBe(diff);
    expect(diff).toContain("apps/web/d.yaml | 2 +-");
    await expect(run((flags, output) => runAtCommand("yesterday-ish", flags, output))).rejects.toThrow("is neither a commit that was deployed nor a time");
  });

  test("comes back for one application by a commit of the person who asks (pain 8), and Git and cluster agree", async () => {
    const dry = await run((flags, output) => runRollbackCommand("web", { ...flags, branch: "main", dryRun: true }, output));
    expect(dry).toContain("dry run: nothing was pushed");
    const told = await run((flags, output) => runRollbackCommand("web", { ...flags, branch: "main", reason: "too many" }, output));
    expect(told).toContain("~ Deployment default/web: replicas 2→1");
    expect([await replicas("web"), await replicas("api")]).toEqual([1, 2]);
    await copy.git("fetch", "-q", "origin", "main");
    expect((await copy.git("log", "-1", "--format=%an%n%B", "FETCH_HEAD")).text).toBe(`Ada\nRoll web back to ${commits[0]?.slice(0, 10)}\n\ntoo many\n\nRollback-Of: ${commits[1]}\n\n`);
    expect((await copy.git("status", "--short")).text).toBe("");
    await eventually("the deploy to be called a rollback", () => cluster.gitops.facts().deploys[0]?.result === "rolled-back");
    await expect(run((flags, output) => runRollbackCommand("web", { ...flags, branch: "main", to: commits[0] ?? "" }, output))).rejects.toThrow("there is nothing to go back to");
    await expect(run((flags, output) => runRollbackCommand("nobody", { ...flags, branch: "main" }, output))).rejects.toThrow("has no application nobody");
  });

  test("names the commit that broke an application, and how to undo it; or says that no commit did", async () => {
    const degrade = async (name: string) => {
      const live = await cluster.client.for(deploymentResource).get("default", name);
      await cluster.client.for(deploymentResource).updateStatus({
        ...live,
        status: { observedGeneration: live.metadata.generation ?? 1, replicas: 1, conditions: [{ type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message: "no image" }] },
      });
      await eventually("the report that it is degraded", async () => {
        await copy.git("fetch", "-q", "origin", "status/local");
        return (await copy.git("show", `FETCH_HEAD:apps/${name}.json`)).text.includes('"health": "Degraded"');
      });
    };
    await expect(run(async (flags, output) => void (await runBisectCommand("web", flags, output)))).rejects.toThrow("web is healthy; to look into the past");
    cluster.setRollouts(false);
    // Two commits of one push are deployed together; only one of them touches web.
    await copy.commit({ "apps/api/note.txt": "nothing" }, "Leave web alone");
    await copy.commit({ "apps/web/d.yaml": deploymentYaml("web", 2, "mainstay.local/web:bad") }, "Try another image");
    await copy.push("-o", "no-wait");
    const bad = await copy.head();
    await eventually("the new image", async () => (await cluster.client.for(deploymentResource).get("default", "web")).spec?.template.spec?.containers[0]?.image === "mainstay.local/web:bad");
    await degrade("web");
    await degrade("api");
    let isFound = false;
    const told = await run(async (flags, output) => void (isFound = await runBisectCommand("web", flags, output)));
    expect(isFound).toBe(true);
    expect(told.split("\n")).toEqual([
      expect.stringMatching(new RegExp(`^web was Healthy with ${commits[1]?.slice(0, 10)} until .* UTC, Degraded with ${bad.slice(0, 10)} since .* UTC$`)),
      expect.stringContaining("not rolled out within"),
      `Broken by ${bad.slice(0, 10)} ada: Try another image`,
      expect.stringMatching(/^ +apps\/web\/d.yaml \| /),
      `Undo it: mainstay rollback web --to ${commits[1]?.slice(0, 10)}`,
      "",
    ]);
    expect(await run(async (flags, output) => void (isFound = await runBisectCommand("api", flags, output)))).toMatch(
      /No commit broke it|api itself was not changed\. What was deployed when it broke:\n  [0-9a-f]{10} ada: Try another image\n  [0-9a-f]{10} ada: Leave web alone/,
    );
  });
});
