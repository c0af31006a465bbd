import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { hasReason, unlessGone } from "../../engine/apimachinery/status-error.ts";
import { GITOPS_USER } from "../../engine/apimachinery/known-users.ts";
import type { Client } from "../../engine/client/client.ts";
import { createGitOps, type GitOps, type GitOpsConfig } from "../../engine/gitops/gitops.ts";
import { GIT_ENVIRONMENT, inheritedEnvironment } from "../../engine/gitops/git/native-git.ts";
import { systemClock, type Clock } from "../../engine/lib/clock.ts";
import { createLogger, silentLogger } from "../../engine/lib/log.ts";
import { systemRandom } from "../../engine/lib/random.ts";
import { runServices } from "../../engine/lib/service.ts";
import { createPodForecast } from "../../engine/pod-forecast.ts";
import { deploymentResource } from "../../engine/resources/apps/deployment.ts";
import { repositoryResource } from "../../engine/resources/mainstay/repository.ts";
import type { Deployment, Repository } from "../../engine/resources/types.ts";
import { startTestApi, type TestApi } from "./test-api.ts";

export interface GitResult {
  readonly code: number;
  /** Standard output and standard error together: what a person sees. */
  readonly text: string;
}

/** An API in this process, gitops with its Git server on loopback, and deployments that become ready by themselves. */
export interface GitCluster extends AsyncDisposable {
  readonly api: TestApi;
  readonly client: Client;
  readonly gitops: GitOps;
  readonly folder: string;
  /** Runs the real git in a folder below the cluster's temporary one. */
  git(folder: string, ...args: readonly string[]): Promise<GitResult>;
  /** A fresh clone of the hosted repository, or of another one, with an identity to commit with; `password` is for those that ask for one. */
  clone(name?: string, from?: { readonly url?: string; readonly password?: string }): Promise<WorkingCopy>;
  /** What is recorded of the repository that it follows; undefined before anything is. */
  observed(): Promise<Repository["observed"] | undefined>;
  /** Stops gitops, as a stopped engine; the API and its store live on. */
  stopGitOps(): Promise<void>;
  startGitOps(): Promise<void>;
  /** While false, deployments keep the status they have. */
  setRollouts(isRunning: boolean): void;
}

export interface WorkingCopy {
  readonly folder: string;
  git(...args: readonly string[]): Promise<GitResult>;
  /** Writes files (undefined deletes one) and commits them. */
  commit(files: Readonly<Record<string, string | undefined>>, message?: string): Promise<void>;
  push(...args: readonly string[]): Promise<GitResult>;
  head(): Promise<string>;
}

export async function startGitCluster(config: Partial<GitOpsConfig> = {}, clock: Clock = systemClock): Promise<GitCluster> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "ms-gc-"));
  const api = await startTestApi();
  const logger = process.env["TEST_LOG"] === undefined ? silentLogger : createLogger("debug");
  let running: { readonly gitops: GitOps; readonly stop: () => Promise<void> } | undefined;
  // A restart must find its address again, for the URL is part of what is reported.
  let gitPort = 0;
  const start = async () => {
    const gitops = await createGitOps({
      // With the rights that the engine gives it, not an administrator's.
      client: api.as(GITOPS_USER),
      impersonate: (username, groups) => api.as(username, groups),
      clock,
      random: systemRandom,
      logger,
      forecastPods: createPodForecast(api.client),
      provideFieldPlaces: (locate) => api.server.parts.gitFields.provide(locate),
      writers: api.server.parts.gitFields.writers,
      config: { clusterName: "local", dataDir: path.join(folder, "data"), branch: "main", path: ".", gitPort, ...config },
    });
    gitPort = Number(new URL(gitops.gitUrl ?? "http://localhost:0").port);
    const abort = new AbortController();
    const ended = runServices(gitops.services, abort.signal);
    running = {
      gitops,
      stop: async () => {
        abort.abort();
        await ended;
      },
    };
  };
  await start();
  const rollouts = runRollouts(api.client);
  const git = (cwd: string, ...args: readonly string[]) => runRealGit(path.join(folder, cwd), args);
  return {
    api,
    folder,
    git,
    client: api.client,
    get gitops() {
      if (running === undefined) throw new Error("gitops is stopped");
      return running.gitops;
    },
    async clone(name = "clone", { url = running?.gitops.gitUrl ?? "", password } = {}) {
      const result = await git(".", "clone", "-q", password === undefined ? url : url.replace("://", `://${name}:${password}@`), name);
      if (result.code !== 0) throw new Error(result.text);
      return workingCopy(name, path.join(folder, name), (...args) => git(name, ...args));
    },
    observed: async () => (await unlessGone(api.client.for(repositoryResource).get("", config.clusterName ?? "local")))?.observed,
    async stopGitOps() {
      await running?.stop();
      running = undefined;
    },
    startGitOps: start,
    setRollouts: (isRunning) => rollouts.set(isRunning),
    async [Symbol.asyncDispose]() {
      await running?.stop();
      await rollouts.stop();
      await api.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Waits until a probe gives something; fails with what it was waiting for. */
export async function eventually<T>(what: string, probe: () => Promise<T | undefined | false> | T | undefined | false, timeoutMs = 30_000): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function workingCopy(name: string, folder: string, git: (...args: readonly string[]) => Promise<GitResult>): WorkingCopy {
  return {
    folder,
    git,
    async commit(files, message = "change") {
      for (const [file, content] of Object.entries(files)) {
        const at = path.join(folder, file);
        if (content === undefined) await rm(at);
        else {
          await mkdir(path.dirname(at), { recursive: true });
          await writeFile(at, content);
        }
      }
      await git("add", "-A");
      const result = await git("-c", `user.name=${name}`, "-c", "user.email=ada@example.org", "commit", "-q", "--allow-empty", "-m", message);
      if (result.code !== 0) throw new Error(result.text);
    },
    push: (...args) => git("push", ...(args.some((arg) => arg === "origin") ? args : [...args, "origin", "HEAD:main"])),
    head: async () => (await git("rev-parse", "HEAD")).text.trim(),
  };
}

function runRealGit(cwd: string, args: readonly string[]): Promise<GitResult> {
  return new Promise((resolve) => {
    execFile("git", [...args], { cwd, env: { ...inheritedEnvironment(), ...GIT_ENVIRONMENT }, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : 1, text: `${stdout}${stderr}` });
    });
  });
}

/** In place of controllers and a node: every deployment has all its replicas ready shortly after it is written. */
function runRollouts(client: Client): { set(isRunning: boolean): void; stop(): Promise<void> } {
  let isOn = true;
  const abort = new AbortController();
  const ended = (async () => {
    while (!abort.signal.aborted) {
      if (isOn) {
        const { items } = await client.for(deploymentResource).list("");
        for (const deployment of items) if (deployment.status?.observedGeneration !== deployment.metadata.generation) await complete(client, deployment);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  return {
    set: (isRunning) => void (isOn = isRunning),
    async stop() {
      abort.abort();
      await ended;
    },
  };
}

async function complete(client: Client, deployment: Deployment): Promise<void> {
  const replicas = deployment.spec?.replicas ?? 1;
  try {
    await client.for(deploymentResource).updateStatus({
      ...deployment,
      status: { observedGeneration: deployment.metadata.generation ?? 1, replicas, updatedReplicas: replicas, readyReplicas: replicas, availableReplicas: replicas },
    });
  } catch (error) {
    // Written again or deleted meanwhile: the next look sees it.
    if (!hasReason(error, "Conflict", "NotFound")) throw error;
  }
}
