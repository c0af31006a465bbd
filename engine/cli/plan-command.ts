import path from "node:path";
import { hasReason } from "../apimachinery/status-error.ts";
import { createHttpClient } from "../client/http-client.ts";
import type { Client } from "../client/client.ts";
import { readKubeconfig } from "../client/kubeconfig.ts";
import { UsageError } from "../options/config.ts";
import { readAgeKeys } from "../gitops/manifests/age-keys.ts";
import { ApplicationStore } from "../gitops/sync/application-store.ts";
import { OnceConfidential } from "../gitops/sync/once-confidential.ts";
import { REPOSITORY_LABEL } from "../gitops/manifests/desired-state.ts";
import { forecastCommit } from "../gitops/plan/forecast-commit.ts";
import { openGitObjects } from "../gitops/git/git-objects.ts";
import type { CommitInfo, GitObjects } from "../gitops/git/git-source.ts";
import { createChartRenderer } from "../gitops/manifests/helm-program.ts";
import { OWN_REPOSITORY, RepositoryClaims } from "../gitops/sync/repository-claims.ts";
import { readSourceRule, type SourceRule } from "../gitops/manifests/source-rules.ts";
import { isConditionTrue } from "../apimachinery/conditions.ts";
import { customResourceDefinitionResource } from "../resources/apiextensions/custom-resource-definition.ts";
import { ManifestLoader } from "../gitops/manifests/load-manifests.ts";
import { gitText } from "../gitops/git/native-git.ts";
import { readListed } from "../gitops/plan/live-objects.ts";
import { judgeCommit, planCommit, problemsOf } from "../gitops/plan/plan-commit.ts";
import { renderForecast, summariseForecast, type CommitForecast } from "../gitops/plan/plan-page.ts";
import { formatProblem, sortProblems } from "../gitops/manifests/problem.ts";
import { createPodForecast } from "../pod-forecast.ts";
import { catalog } from "../resources/catalog.ts";
import { applicationResource } from "../resources/mainstay/application.ts";
import { repositoryResource, type RepositoryObject } from "../resources/mainstay/repository.ts";
import { openDirectory } from "./directory-objects.ts";

export interface PlanFlags {
  readonly dataDir: string;
  readonly kubeconfig?: string;
  /** A commit, branch or tag of the repository at hand; without it, the files as they are. */
  readonly ref?: string;
  readonly path: string;
  /** The further repository that this is, by its name among the sources. */
  readonly source?: string;
  readonly sopsAgeKeyFile?: string;
  readonly sopsAgeSecret: string;
}

/**
 * `mainstay plan`: what the cluster would do if this were pushed, by the code that would do it. Changes nothing.
 * Returns whether the commit would be accepted.
 */
export async function runPlanCommand(directory: string, flags: PlanFlags, output: { write(text: string): unknown }): Promise<boolean> {
  const client = createHttpClient(readKubeconfig(flags.kubeconfig ?? path.join(flags.dataDir, "kubeconfig.yaml")), "mainstay-plan");
  const { objects, commit } = flags.ref === undefined ? await workTree(directory) : await revision(directory, flags.ref);
  const forecast = await planAgainst(client, objects, commit, flags);
  for (const line of renderForecast(forecast, Infinity)) output.write(`${line}\n`);
  output.write(`plan: ${summariseForecast(forecast)}\n`);
  return forecast.problems.length === 0;
}

async function planAgainst(client: Client, objects: GitObjects, commit: CommitInfo, flags: PlanFlags): Promise<CommitForecast> {
  const repositories = await client.for(repositoryResource).list("", { labelSelector: `!${REPOSITORY_LABEL}` });
  const rule = flags.source === undefined ? undefined : findSource(repositories.items[0], flags.source);
  const loader = new ManifestLoader({
    catalog,
    cluster: repositories.items[0]?.metadata.name ?? "local",
    basePath: rule === undefined || flags.path !== "." ? flags.path : rule.path,
    ...(rule === undefined ? {} : { source: rule }),
    renderChart: createChartRenderer(),
    ageKeys: () => ageKeys(client, rule?.secret === undefined ? flags : { ...flags, sopsAgeSecret: rule.secret }),
  });
  for (const definition of (await client.for(customResourceDefinitionResource).list("")).items)
    if (isConditionTrue(definition.status?.conditions, "Established")) loader.kinds.setServed(definition.metadata.name ?? "", definition);
  const state = await loader.load(objects, commit);
  const { items: all } = await client.for(applicationResource).list("");
  const applications = new ApplicationStore(client, { repository: flags.source });
  await applications.load();
  const claims = new RepositoryClaims(() => all);
  const owned = [...applications.all(), ...(flags.source === undefined ? claims.findAbandoned(state) : [])];
  const examine = [...state.objects.values()].map((desired) => ({ desired, cause: "commit" as const }));
  const { plan } = await planCommit({
    client,
    kinds: loader.kinds,
    state,
    examine,
    knownOutcomes: new Map(),
    applications: owned,
    messages: commit.message === "" ? [] : [commit.message],
    waiting: () => new Map(),
    readLive: readListed(client, state.objects.values()),
    secrecy: new OnceConfidential().secrecyOf(state, undefined, all),
  });
  const [unknown] = await problemsOf(objects, { problems: [], refusals: plan.unknown });
  if (unknown !== undefined) throw new Error(formatProblem(unknown));
  const { problems } = await judgeCommit({ client, kinds: loader.kinds, state, applications: owned }, objects, plan);
  const foreign = claims.findForeign(flags.source ?? OWN_REPOSITORY, state);
  return forecastCommit({ state, plan, problems: sortProblems([...problems, ...foreign]) }, createPodForecast(client));
}

function findSource(repository: RepositoryObject | undefined, name: string): SourceRule {
  const source = repository?.sources?.find((one) => one.name === name);
  if (source === undefined)
    throw new UsageError(`the cluster has no source ${name}; its sources are ${repository?.sources?.map((one) => one.name).join(", ") || "none"}`);
  return readSourceRule(source, undefined);
}

/** The keys at hand, and those of the cluster as far as this user may read them. */
async function ageKeys(client: Client, flags: PlanFlags): Promise<readonly string[]> {
  try {
    return await readAgeKeys(client, { file: flags.sopsAgeKeyFile, secret: flags.sopsAgeSecret });
  } catch (error) {
    if (hasReason(error, "Forbidden") && flags.sopsAgeKeyFile === undefined) return [];
    throw error;
  }
}

async function workTree(directory: string): Promise<{ readonly objects: GitObjects; readonly commit: CommitInfo }> {
  const { objects } = await openDirectory(directory);
  return { objects, commit: await objects.commit("work tree") };
}

async function revision(directory: string, ref: string): Promise<{ readonly objects: GitObjects; readonly commit: CommitInfo }> {
  const ask = async (...args: readonly string[]) => (await gitText({ args: ["-C", directory, "rev-parse", ...args] })).trim();
  let gitDir: string;
  let id: string;
  try {
    // Where there are several work trees, each has refs of its own, and all have their objects in one place.
    gitDir = await ask("--path-format=absolute", "--git-common-dir");
    id = await ask("--verify", "--quiet", "--end-of-options", `${ref}^{commit}`);
  } catch (error) {
    throw new UsageError(`${ref} is no commit, branch or tag of a repository in ${directory}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const objects = openGitObjects(gitDir);
  return { objects, commit: await objects.commit(id) };
}
