import { GITOPS_USER } from "./apimachinery/known-users.ts";
import { elected, type ElectedOptions } from "./elected-services.ts";
import type { GitOps } from "./gitops/gitops.ts";
import { sleep } from "./lib/clock.ts";
import type { Service } from "./lib/service.ts";
import { leaseResource } from "./resources/coordination/lease.ts";
import type { Storage } from "./storage/storage.ts";

const LEASE = "mainstay-gitops";
const LOOK_MS = 250;
/** Beside the objects of the API: which server's disk holds the hosted repository. */
const HOME_KEY = "/mainstay/git-home";

/** The Git part of a server that shares its cluster with others: one of them at a time follows the repository. */
export interface GitLeadership {
  readonly service: Service;
  /** Resolves to our own Git part when we lead, and to undefined when another server does. */
  decided(signal: AbortSignal): Promise<GitOps | undefined>;
}

export function shareGitOps(open: () => Promise<GitOps>, options: ElectedOptions): GitLeadership {
  let current: GitOps | undefined;
  const service = elected(
    LEASE,
    async (signal) => {
      const gitops = await open();
      current = gitops;
      signal.addEventListener("abort", () => (current = undefined), { once: true });
      return gitops.services;
    },
    options,
  );
  return {
    service,
    async decided(signal) {
      const leases = options.as(GITOPS_USER).for(leaseResource);
      for (;;) {
        if (current !== undefined) return current;
        const holder = await leases.get("kube-system", LEASE).then(
          (lease) => lease.spec?.holderIdentity ?? "",
          () => "",
        );
        if (holder !== "" && holder !== options.identity) return undefined;
        await sleep(options.clock, LOOK_MS, signal);
      }
    },
  };
}

/**
 * A hosted repository is on one server's disk, and only that server may sync from it: another would deploy an empty one of its own.
 * The first that asks becomes its home; resolves to the home's name.
 */
export async function claimGitHome(storage: Storage, nodeName: string): Promise<string> {
  const result = await storage.commit([{ key: HOME_KEY, modRevision: 0 }], [{ do: "put", key: HOME_KEY, value: Buffer.from(nodeName) }]);
  if (result.is === "committed") return nodeName;
  return result.found.get(HOME_KEY)?.value.toString("utf8") ?? nodeName;
}
