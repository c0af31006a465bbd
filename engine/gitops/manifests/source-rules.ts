import { createHash } from "node:crypto";
import type { RepositorySource } from "../../resources/types.ts";
import { parseRevision } from "../git/choose-revision.ts";
import { withoutCredentials } from "../../lib/without-credentials.ts";
import type { Unit, UnitBounds } from "./resolve-units.ts";

/** A further repository of the cluster, as the `sources` of mainstay.yaml have it. */
export interface SourceRule {
  readonly name: string;
  /** Undefined: the cluster hosts it. */
  readonly url: string | undefined;
  /** In the form of `--branch`. */
  readonly revision: string;
  readonly path: string;
  readonly secret: string | undefined;
  readonly intervalMs: number | undefined;
  readonly namespace: string | undefined;
  readonly serviceAccount: string | undefined;
  readonly bounds: UnitBounds | undefined;
  readonly writesStatus: boolean;
}

export interface SourceFault {
  readonly field: string;
  readonly message: string;
}

/** The folder of the cluster's own repository stands beside those of the hosted sources. */
const RESERVED: ReadonlySet<string> = new Set(["cluster", "remote"]);
const LABEL_MAX = 63;

/** A source with everything filled in. The interval is parsed by the caller. */
export function readSourceRule(source: RepositorySource, intervalMs: number | undefined): SourceRule {
  const { name, url, ref, path, secret, namespace, serviceAccount, bounds, status } = source;
  return {
    name,
    url,
    revision: revisionOf(ref),
    path: path ?? ".",
    secret,
    intervalMs,
    namespace,
    serviceAccount,
    bounds,
    writesStatus: status ?? url === undefined,
  };
}

/** What is wrong with one of the sources; the schema holds. */
export function findSourceFaults(source: RepositorySource, cluster: string): readonly SourceFault[] {
  const faults: SourceFault[] = [];
  const { name, url, ref = {}, path = ".", namespace, serviceAccount } = source;
  if (RESERVED.has(name) || name === cluster) faults.push({ field: "name", message: `${name} stands for the cluster's own repository` });
  if (url !== undefined && !/^(https?:\/\/|ssh:\/\/|file:\/\/\/|\/|[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:)/.test(url))
    faults.push({ field: "url", message: "must be an address of https, ssh (user@host:path) or a path from the root" });
  if (url !== undefined && withoutCredentials(url) !== url)
    faults.push({ field: "url", message: "holds credentials; put them into a Secret and name it as secret" });
  if (Object.keys(ref).length > 1) faults.push({ field: "ref", message: "must have one of branch, tag, semver and commit" });
  if (url === undefined && Object.keys(ref).some((key) => key !== "branch"))
    faults.push({ field: "ref", message: "of a hosted repository a branch is followed" });
  if (path.startsWith("/") || path.split("/").includes(".."))
    faults.push({ field: "path", message: "must be a path inside the repository, without a leading / and without .." });
  if (serviceAccount !== undefined && namespace === undefined) faults.push({ field: "serviceAccount", message: "needs the namespace that it is in" });
  try {
    parseRevision(revisionOf(ref));
  } catch (error) {
    faults.push({ field: "ref", message: error instanceof Error ? error.message : String(error) });
  }
  return faults;
}

/** The units of a source's own commit as the cluster knows them: under the source's name, and as its rule says. */
export function adaptToSource(units: readonly Unit[], rule: Pick<SourceRule, "name" | "namespace" | "serviceAccount">): readonly Unit[] {
  const { name: source, namespace, serviceAccount } = rule;
  return units.map((unit) => ({
    ...unit,
    source,
    name: nameIn(source, unit.name),
    dependsOn: unit.dependsOn.map((dependency) => nameIn(source, dependency)),
    namespace: unit.namespace ?? namespace,
    ...(serviceAccount === undefined || namespace === undefined ? {} : { serviceAccount, accountNamespace: namespace }),
  }));
}

/** `shop.web`. Names of units have no dots, so that no two sources can meet; what would be too long for a label ends in a digest. */
export function nameIn(source: string, unit: string): string {
  const name = `${source}.${unit}`;
  return name.length <= LABEL_MAX ? name : `${name.slice(0, LABEL_MAX - 9)}-${createHash("sha1").update(name).digest("hex").slice(0, 8)}`;
}

function revisionOf({ branch, tag, semver, commit }: NonNullable<RepositorySource["ref"]> = {}): string {
  if (tag !== undefined) return `tag:${tag}`;
  if (semver !== undefined) return `semver:${semver}`;
  return commit !== undefined ? `commit:${commit}` : (branch ?? "main");
}
