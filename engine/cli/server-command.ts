import { counted } from "../lib/plural.ts";
import { mkdirSync } from "node:fs";
import path from "node:path";
import type { ServerConfig } from "../options/config.ts";
import { startEngine, type Engine } from "../engine.ts";
import { serverLog } from "../setup/server-log.ts";
import { withoutCredentials } from "../lib/without-credentials.ts";
import { systemClock } from "../lib/clock.ts";
import { createLogger } from "../lib/log.ts";
import { systemRandom } from "../lib/random.ts";
import { createProgress } from "./progress.ts";

/** `mainstay server`: starts everything, tells the user what to do next, runs until it is told to stop. */
export async function runServerCommand(config: ServerConfig, notices: readonly string[], flags: Readonly<Record<string, string>>): Promise<void> {
  try {
    mkdirSync(config.dataDir, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw new Error(`make the data directory ${config.dataDir}, which --data-dir may put elsewhere`, { cause: error });
  }
  const logFile = serverLog(config.dataDir);
  const [told, stop] = [new AbortController(), new AbortController()];
  let interrupts = 0;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      // A second Ctrl-C means: do not wait for anything.
      if (++interrupts > 1 && signal === "SIGINT") process.exit(130);
      told.abort();
      // Who stands before several servers sees that this one goes before it is gone.
      systemClock.after(config.shutdownDelayDuration, () => stop.abort());
    });
  }
  const logger = createLogger(config.logLevel, logFile);
  for (const notice of notices) {
    process.stderr.write(`mainstay: ${notice}\n`);
    logger.info("an option changes nothing", { option: notice });
  }
  const progress = createProgress(process.stderr, systemClock.monotonic);
  const started = startEngine(config, { clock: systemClock, random: systemRandom, logger, progress, told: told.signal, flags }, stop.signal);
  // Being told to stop is no failure, at whatever step of the start it comes.
  const engine = await started.catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
    return undefined;
  });
  if (engine !== undefined) {
    if (!stop.signal.aborted) process.stdout.write(renderSummary(config, engine, logFile));
    if (!engine.isHealthy && engine.gitops !== undefined) void announceReady(engine.gitops, stop.signal);
    await engine.ended;
  }
  process.stderr.write(
    config.agent ? "mainstay stopped; the pods keep running. Start again to look after them, or remove everything with: npm run reset\n" : "mainstay stopped\n",
  );
}

async function announceReady(gitops: NonNullable<Engine["gitops"]>, signal: AbortSignal): Promise<void> {
  await gitops.firstSyncHealthy;
  if (!signal.aborted) process.stdout.write(`${readyLine(gitops.applications())}\n`);
}

/** What a new user needs next. Its first line is what scripts wait for. */
function renderSummary(
  config: Pick<ServerConfig, "repo" | "branch">,
  engine: Pick<Engine, "isHealthy" | "gitops" | "gitNote" | "kubeconfigFile" | "firstService">,
  logFile: string,
): string {
  const { gitops, gitNote, isHealthy, firstService, kubeconfigFile } = engine;
  const applications = gitops?.applications() ?? [];
  const heading =
    gitops === undefined
      ? `mainstay is ready: the API is served; ${gitNote}`
      : isHealthy
        ? readyLine(applications)
        : `mainstay is running, not yet ready: ${countHealthy(applications)}`;
  return [
    heading,
    "",
    ...applications.map(
      (application) =>
        `  ${application.health.padEnd(12)} ${application.name}  ${application.ready}${application.reason === "" ? "" : `  ${application.reason}`}`,
    ),
    ...(applications.length === 0 ? [] : [""]),
    ...(firstService === undefined ? [] : [`  Service        curl http://${firstService}`]),
    ...(gitops === undefined
      ? []
      : [
          `  Repository     ${gitops.gitUrl ?? `${withoutCredentials(config.repo ?? "")} (branch ${config.branch})`}`,
          `  Status branch  ${gitops.statusBranch()}`,
          ...(gitops.gitUrl === undefined ? [] : [`  Status page    ${new URL("/", gitops.gitUrl).href}`]),
        ]),
    `  Kubeconfig     ${kubeconfigFile}`,
    `  Log            ${logFile}`,
    ...(gitops?.gitUrl === undefined ? [] : suggestions(gitops.gitUrl, gitops.statusBranch(), kubeconfigFile)),
    "",
    "Ctrl-C stops the engine and leaves the pods running.",
    "",
  ].join("\n");
}

function suggestions(gitUrl: string, statusBranch: string, kubeconfigFile: string): readonly string[] {
  return [
    "",
    "Try:",
    // Beyond the loopback it asks who comes, and shows a certificate of the cluster's own authority unless it was given another.
    ...(gitUrl.startsWith("https:")
      ? [`  export GIT_SSL_CAINFO=${path.join(path.dirname(kubeconfigFile), "server/pki/ca.crt")}   # and as password: kubectl create token NAME`]
      : []),
    `  git clone ${gitUrl} && cd ${path.basename(gitUrl, ".git")}`,
    `  sed -i 's/replicas: 3/replicas: 5/' apps/web/deployment.yaml && git commit -am "scale web to 5" && git push`,
    `  git fetch && git show origin/${statusBranch}:README.md`,
    `  kubectl --kubeconfig ${kubeconfigFile} get pods -A`,
  ];
}

/** Scripts wait for this line, which is printed once and only when everything is healthy. */
function readyLine(applications: readonly { readonly health: string }[]): string {
  return `mainstay is ready: ${countHealthy(applications)}`;
}

function countHealthy(applications: readonly { readonly health: string }[]): string {
  const healthy = applications.filter((application) => application.health === "Healthy").length;
  return `${healthy} of ${counted(applications.length, "application")} healthy`;
}
