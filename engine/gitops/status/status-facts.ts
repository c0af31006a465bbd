import { worstHealth, type HealthState } from "../health/health.ts";

/**
 * What the status branch tells, as data: status.json is this, and every page is rendered from it. It holds names, states and reasons,
 * never the content of objects. Times are absolute, RFC 3339 in UTC; nothing in it changes by the mere passing of time.
 */
export interface StatusFacts {
  readonly schemaVersion: 1;
  readonly cluster: string;
  readonly repository: { readonly url: string; readonly branch: string };
  readonly sync: SyncFacts;
  /** The commit that runs; absent before the first one. */
  readonly commit?: CommitFacts;
  /** Further repositories of the cluster; absent where there are none. Their applications are among the others. */
  readonly repositories?: readonly RepositoryFacts[];
  readonly applications: readonly ApplicationFacts[];
  readonly nodes: readonly NodeFacts[];
  /** The newest ones, newest first. */
  readonly deploys: readonly DeployFacts[];
  /** Changes to the cluster that were put back, newest first. */
  readonly drift: readonly DriftFacts[];
  readonly incidents: readonly IncidentFacts[];
  /** What a reader of the repository should know: files left out, a rewritten branch. */
  readonly notices: readonly string[];
  /** What merging each branch or open request would do; absent where nobody plans. */
  readonly plans?: readonly PlanFacts[];
  /** Requests and branches that run in a namespace of their own; absent where there are none. */
  readonly previews?: readonly PreviewFacts[];
}

/** A request or branch in a namespace of its own. */
export interface PreviewFacts {
  /** As plans name it. */
  readonly name: string;
  readonly ref: string;
  /** Empty once it is gone. */
  readonly namespace: string;
  /** Refused: its commit cannot be applied, and what ran before goes on. Waiting: there are enough others, or it is of a fork, which may not run. Leaving: it is being deleted. */
  readonly state: HealthState | "Refused" | "Waiting" | "Expired" | "Leaving";
  readonly commit: string;
  readonly reason: string;
  /** When it is taken away unless something is pushed to it; empty where it does not run. */
  readonly expires: string;
  readonly problems: readonly string[];
  readonly notices: readonly string[];
  readonly applications: readonly ApplicationFacts[];
}

export interface PlanFacts {
  /** Without `refs/heads/`; `pr-12` and `mr-7` for requests of a forge. */
  readonly branch: string;
  readonly commit: string;
  /** The commit that ran when the plan was made. */
  readonly base?: string;
  readonly summary: string;
  /** The page with the whole plan. */
  readonly file: string;
  /** Of the page: the facts change with it. */
  readonly digest: string;
}

export interface SyncFacts {
  /** `syncing`: a newer commit is being applied; `rejected`: the newest commit cannot be applied, the one before runs on. */
  readonly state: "empty" | "syncing" | "applied" | "rejected" | "unreachable" | "unreadable" | "deleted";
  readonly message?: string;
  /** The newest commit of the branch, when it is not the one that runs. */
  readonly newest?: string;
  readonly problems?: readonly string[];
}

/** A further repository, as the cluster's own tells of it. */
export interface RepositoryFacts {
  readonly name: string;
  readonly url: string;
  readonly branch: string;
  readonly state: SyncFacts["state"];
  readonly message?: string;
  readonly commit?: CommitFacts;
  /** How many it has, and how many of them are healthy. */
  readonly applications: number;
  readonly healthy: number;
}

/** What further repositories add to the report of the cluster's own. */
export interface ComposedFacts {
  readonly repositories: readonly RepositoryFacts[];
  readonly applications: readonly ApplicationFacts[];
}

export interface CommitFacts {
  readonly id: string;
  readonly subject: string;
  readonly author: string;
}

export interface ApplicationFacts {
  readonly name: string;
  /** The further repository that it comes from; absent for the cluster's own. */
  readonly repository?: string;
  readonly path: string;
  readonly health: HealthState;
  /** `2/3`, or empty when nothing of it has replicas. */
  readonly ready: string;
  readonly reason: string;
  readonly since: string;
  /** The newest commit that changed the application. */
  readonly commit: string;
  readonly images: readonly string[];
  readonly objects: readonly ObjectFacts[];
  /** Objects that left the repository and stay, with the reason. */
  readonly kept: readonly string[];
  readonly dependsOn: readonly string[];
  /** What someone holds, and until when. */
  readonly holds?: readonly string[];
  /** What happened lately, newest first; absent where nothing did. */
  readonly events?: readonly EventFacts[];
}

/** Something that happened to an object, once however often it came again. */
export interface EventFacts {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  /** `Pod of Deployment web/web`. */
  readonly object: string;
  /** Empty where it was written by somebody else than the system. */
  readonly message: string;
  /** When it came first. */
  readonly since: string;
}

export interface ObjectFacts {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** `path:line`. */
  readonly source: string;
  readonly health: HealthState;
  readonly reason: string;
  readonly chain: readonly string[];
  /** Fields that another manager owns: `spec.replicas (hpa)`. */
  readonly leftToOthers: readonly string[];
}

export interface NodeFacts {
  readonly name: string;
  readonly ready: boolean;
  readonly reason: string;
  readonly since: string;
  readonly address: string;
  readonly version: string;
  readonly capacity: string;
}

export interface DeployFacts {
  readonly commit: string;
  readonly subject: string;
  readonly author: string;
  /** Who pushed it to the hosted repository, when he had to say who he is. */
  readonly pusher?: string;
  readonly time: string;
  readonly result: DeployResult;
  /** The store's revision that holds the commit whole; several when it was too large for one. Absent when nothing had to be written. */
  readonly revisions?: readonly number[];
  /** From the commit's arrival until everything was stored. */
  readonly appliedMs?: number;
  /** From the commit's arrival until everything was healthy; absent while it is not. */
  readonly healthyMs?: number;
  /** A newer commit took over before this one was healthy. */
  readonly superseded?: boolean;
  readonly plan: readonly string[];
  readonly problems: readonly string[];
}

export type DeployResult = "applied" | "rejected" | "rolled-back";

export interface DriftFacts {
  readonly time: string;
  /** `path:line` of the first field that was put back; absent in reports of earlier versions. */
  readonly source?: string;
  readonly object: string;
  readonly change: string;
  readonly writer: string;
}

export interface IncidentFacts {
  readonly file: string;
  readonly application: string;
  readonly opened: string;
  readonly closed?: string;
  readonly reason: string;
}

/** Where a deploy's page is; the first ten characters of the commit's id tell it apart. */
export function deployPage(deploy: Pick<DeployFacts, "commit" | "time">): string {
  return `deploys/${deploy.time.slice(0, 4)}/${deploy.time.slice(5, 7)}/${deploy.commit.slice(0, 10)}.md`;
}

/** The application that is worst off decides; what the repository itself suffers from counts as well. */
export function overallHealth(facts: Pick<StatusFacts, "applications" | "sync">): HealthState {
  const worst = worstHealth(facts.applications.map(({ health }) => ({ state: health })))?.state ?? "Healthy";
  if (worst === "Healthy" && facts.sync.state === "syncing") return "Progressing";
  return worst;
}
