import { fileURLToPath } from "node:url";
import type { GitFieldPlaces } from "../admission/plugins/git-owned-fields.ts";
import { GITOPS_USER } from "../apimachinery/known-users.ts";
import type { KeyPair } from "../auth/certificates.ts";
import type { Following } from "../lib/changing-value.ts";
import { during } from "../cli/progress.ts";
import type { Client } from "../client/client.ts";
import type { SchedulerSettings } from "../scheduler/scheduler-settings.ts";
import type { ServerConfig } from "../options/config.ts";
import { electedOptions } from "../elected-services.ts";
import type { EngineParts } from "../engine-parts.ts";
import { claimGitHome, shareGitOps } from "../git-leadership.ts";
import type { GitOps } from "../gitops/gitops.ts";
import { isUnspecified } from "../lib/net/loopback.ts";
import type { Service } from "../lib/service.ts";
import { createPodForecast } from "../pod-forecast.ts";
import type { Storage } from "../storage/storage.ts";

const seedFolder = fileURLToPath(new URL("../../examples/quickstart", import.meta.url));

/** Access to the API in anyone's name, for parts of this process. */
export type ClientsByUser = (username: string, groups?: readonly string[]) => Client;

/** The Git part of a server. */
export interface GitPart {
  readonly services: readonly Service[];
  /** What this server follows, once that is decided. */
  readonly gitops: () => Promise<GitOps | undefined>;
  /** Why it follows nothing, when it does not. */
  readonly gitNote: string;
}

/** What a server has before its Git part. */
export interface GitFoundation {
  readonly storage: Storage;
  readonly isShared: boolean;
  /** Address of this machine towards others. */
  readonly nodeIp: string;
  /** Who refuses changes to what Git states asks here where it does. */
  readonly gitFields: GitFieldPlaces;
  /** How the cluster's scheduler was told to decide; plans foretell by it. */
  readonly scheduling: SchedulerSettings | undefined;
  /** What Git is served with where it leaves the machine; undefined where it does not. */
  readonly certificate: Following<KeyPair> | undefined;
}

/** A repository is followed by one server: the only one, the one that hosts it, or the one that leads. */
export async function setUpGit(config: ServerConfig, parts: EngineParts, as: ClientsByUser, foundation: GitFoundation, signal: AbortSignal): Promise<GitPart> {
  const { storage, isShared } = foundation;
  const none = (gitNote: string): GitPart => ({ services: [], gitops: async () => undefined, gitNote });
  if (!config.git) return none("no repository is followed");
  if (isShared && config.repo !== undefined) {
    const leadership = shareGitOps(() => openGitOps(config, parts, as, foundation), electedOptions(config, parts, as));
    return { services: [leadership.service], gitops: () => leadership.decided(signal), gitNote: "another server follows the repository" };
  }
  const home = isShared ? await claimGitHome(storage, config.nodeName) : config.nodeName;
  if (home !== config.nodeName) return none(`server ${home} hosts the repository`);
  const gitops = await openGitOps(config, parts, as, foundation);
  return { services: gitops.services, gitops: async () => gitops, gitNote: "" };
}

function openGitOps(
  config: ServerConfig,
  { clock, random, logger, progress }: EngineParts,
  as: ClientsByUser,
  { nodeIp, isShared, certificate, gitFields, scheduling }: GitFoundation,
): Promise<GitOps> {
  const client = as(GITOPS_USER);
  const { clusterName, dataDir, branch, path, gitPort, gitAddress, gitAnonymous, repo, repoSecret, webhookPort, webhookAddress } = config;
  return during(progress, repo === undefined ? "host the Git repository" : "follow the Git repository", repo ?? `port ${gitPort}`, async () => {
    // Its code, and what it needs, is an eighth of what a server keeps in memory.
    const { createGitOps } = await import("../gitops/gitops.ts");
    return createGitOps({
      client,
      impersonate: as,
      clock,
      random,
      logger,
      forecastPods: createPodForecast(client, scheduling),
      provideFieldPlaces: (locate) => gitFields.provide(locate),
      writers: gitFields.writers,
      config: {
        clusterName,
        dataDir,
        branch,
        path,
        gitPort,
        ageKeys: { file: config.sopsAgeKeyFile, secret: config.sopsAgeSecret },
        bindAddress: gitAddress,
        allowsAnonymous: gitAnonymous,
        ...(certificate === undefined ? {} : { certificate }),
        isMovable: isShared && repo !== undefined,
        ...(isUnspecified(gitAddress) ? { publicAddress: nodeIp } : {}),
        ...(webhookPort === undefined ? {} : { webhook: { address: webhookAddress, port: webhookPort } }),
        ...(repo === undefined ? { seedFolder } : { repo, repoSecret }),
      },
    });
  });
}
