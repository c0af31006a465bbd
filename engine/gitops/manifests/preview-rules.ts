import type { RepositoryPreviews } from "../../resources/types.ts";
import { parseDurationMs } from "./duration.ts";
import type { Variables } from "./substitute-variables.ts";

/** Which requests and branches run in a namespace of their own, and what they may be there. */
export interface PreviewRules {
  /** Of requests that get one. */
  readonly label: string;
  /** Patterns of branches that get one. */
  readonly branches: readonly string[];
  /** Whether that goes for requests of forks as well. */
  readonly forks: boolean;
  /** Patterns of units' folders that are in it; undefined: all but those below infra/. */
  readonly applications: readonly string[] | undefined;
  readonly variables: Variables;
  /** ClusterRole that bounds it in its namespace. */
  readonly role: string;
  readonly max: number;
  readonly expireAfterMs: number;
  /** `spec.hard` of its ResourceQuota. */
  readonly quota: Readonly<Record<string, string>>;
  /** `default` of its LimitRange; empty: it has none. */
  readonly limits: Readonly<Record<string, string>>;
  readonly podSecurity: string;
  readonly encrypted: boolean;
}

const DEFAULT_MAX = 10;
const DEFAULT_EXPIRY_MS = 72 * 3_600_000;
const DEFAULT_QUOTA = { pods: "50", persistentvolumeclaims: "10" };

/** The rules with everything filled in. */
export function previewRules(source: RepositoryPreviews): PreviewRules {
  const { label, branches, forks, applications, variables, role, max, expireAfter, quota, limits, podSecurity, encrypted } = source;
  return {
    label: label ?? "preview",
    branches: branches ?? [],
    forks: forks ?? false,
    applications,
    // Checked before to hold single values only.
    variables: Object.fromEntries(Object.entries(variables ?? {}).filter(([, value]) => typeof value !== "object")) as Variables,
    role: role ?? "admin",
    max: max ?? DEFAULT_MAX,
    expireAfterMs: parseDurationMs(expireAfter) ?? DEFAULT_EXPIRY_MS,
    quota: texts(quota ?? DEFAULT_QUOTA),
    limits: texts(limits ?? {}),
    podSecurity: podSecurity ?? "baseline",
    encrypted: encrypted ?? false,
  };
}

/** Quantities may be written as numbers. */
function texts(quantities: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(quantities).map(([name, quantity]) => [name, String(quantity)]));
}
