import type { Progress } from "./cli/progress.ts";
import type { ApplicationFacts, StatusFacts } from "./gitops/status/status-facts.ts";
import type { GitOps } from "./gitops/gitops.ts";
import { throwIfAborted } from "./lib/abort.ts";
import { sleep, type Clock } from "./lib/clock.ts";
import { counted } from "./lib/plural.ts";

const LOOK_MS = 250;
/** So long the start waits for health before it leaves the user alone with the summary. */
const HEALTHY_WAIT_MS = 180_000;
/** A repository that cannot be followed yet may be a network that is just coming up. */
const TROUBLE_WAIT_MS = 5_000;

export interface FirstSyncOptions {
  readonly gitops: Pick<GitOps, "firstSyncHealthy" | "facts">;
  readonly progress: Progress;
  readonly clock: Clock;
  /** Without nodes of our own nothing may ever run here: then a commit that is stored is all there is to wait for. */
  readonly awaitHealth: boolean;
}

/**
 * Shows how the first commit goes until everything is healthy, or until waiting longer would tell nothing new: the repository cannot be
 * followed, its commit is rejected, or the time is up. Never fails for what the repository contains; resolves to whether all is healthy.
 */
export async function awaitFirstSync({ gitops, progress, clock, awaitHealth }: FirstSyncOptions, signal: AbortSignal): Promise<boolean> {
  const step = progress.step("deploy the repository");
  const startedMs = clock.monotonic();
  let isHealthy = false;
  gitops.firstSyncHealthy.then(
    () => (isHealthy = true),
    () => {},
  );
  for (;;) {
    throwIfAborted(signal);
    const facts = gitops.facts();
    const waitedMs = clock.monotonic() - startedMs;
    const isStored = facts.commit !== undefined && facts.sync.state === "applied";
    if (isHealthy || (!awaitHealth && isStored && (isLookedAt(facts.applications) || waitedMs > TROUBLE_WAIT_MS))) {
      step.done(counted(facts.applications.length, "application"));
      return true;
    }
    const trouble = describeTrouble(facts);
    if (waitedMs > HEALTHY_WAIT_MS || (trouble !== undefined && waitedMs > TROUBLE_WAIT_MS)) {
      step.failed(trouble ?? (describeWaiting(facts.applications) || "not healthy yet"));
      return false;
    }
    step.note(trouble ?? describeWaiting(facts.applications));
    await sleep(clock, LOOK_MS, signal);
  }
}

/** What is wrong with the repository itself, so that no application can become healthy; undefined when nothing is. */
function describeTrouble({ sync, repository }: Pick<StatusFacts, "sync" | "repository">): string | undefined {
  switch (sync.state) {
    case "empty":
      return sync.message === undefined ? undefined : `${repository.url}: ${sync.message}`;
    case "unreachable":
    case "unreadable":
    case "deleted":
      return `${repository.url}: ${sync.message ?? sync.state}; it is tried again`;
    case "rejected": {
      const [first = "", ...others] = sync.problems ?? [];
      return `commit ${(sync.newest ?? "").slice(0, 10)} is rejected: ${first}${others.length === 0 ? "" : ` (and ${others.length} more; see the status branch)`}`;
    }
    default:
      return undefined;
  }
}

function describeWaiting(applications: readonly ApplicationFacts[]): string {
  return applications
    .filter(({ health }) => health !== "Healthy")
    .map(({ name, health, ready, reason }) => [name, health, ready, reason].filter((text) => text !== "").join(" "))
    .join("; ");
}

/** What was applied before a restart is applied at once, but nobody has seen yet how it fares. */
function isLookedAt(applications: readonly ApplicationFacts[]): boolean {
  return applications.every(({ health }) => health !== "Unknown");
}
