import { conform } from "../../apimachinery/structural-schema.ts";
import { parseCronSchedule } from "../../apimachinery/cron-schedule.ts";
import { parseYamlDocuments, YamlError } from "../../apimachinery/yaml/yaml.ts";
import { loadSchema } from "../../resources/load-schema.ts";
import type { Repository, RepositoryUnit } from "../../resources/types.ts";
import type { ForgeSettings } from "../forge/forge.ts";
import { NOTIFICATION_EVENTS, type NotificationRule } from "../notify/notifications.ts";
import { parseDurationMs } from "./duration.ts";
import { plainMessage, unknownFieldMessage } from "./explain-error.ts";
import { explainYaml } from "./explain-yaml.ts";
import { structuralPathOf } from "../../apimachinery/field-path.ts";
import type { Problem } from "./problem.ts";
import { previewRules, type PreviewRules } from "./preview-rules.ts";
import type { DriftPolicy, Unit } from "./resolve-units.ts";
import { findSourceFaults, readSourceRule, type SourceRule } from "./source-rules.ts";
import type { Variables } from "./substitute-variables.ts";

export const CONFIG_FILE = "mainstay.yaml";

/** One row of `units`, with its place for messages. */
export interface UnitRule {
  readonly path: string;
  readonly namespace: string | undefined;
  readonly prune: boolean;
  readonly dependsOn: readonly string[];
  readonly deadlineMs: number;
  /** Values that `${name}` stands for in the unit's files; none when the unit has not asked for it. */
  readonly variables: Variables;
  /** How the unit's chart is rendered; undefined leaves charts out. */
  readonly helm: HelmSettings | undefined;
  readonly policies?: Pick<Unit, "replace" | "suspend" | "windows" | "ignore" | "drift" | "serviceAccount" | "bounds">;
  readonly line: number;
}

/** The opt-in to rendering a folder that is a Helm chart. */
export interface HelmSettings {
  readonly releaseName: string | undefined;
  /** Files of values from the repository's root, the last one winning. */
  readonly values: readonly string[];
}

/** Folders that only some people may change. */
export interface TeamRule {
  readonly name: string;
  readonly paths: readonly string[];
  readonly members: readonly string[];
}

/** mainstay.yaml with everything filled in. */
export interface RepositoryConfig {
  /** Undefined: the default layout. */
  readonly units: readonly UnitRule[] | undefined;
  readonly deletes: { readonly maxPercent: number; readonly protectedKinds: ReadonlySet<string> };
  readonly status: { readonly branch: string; readonly minIntervalMs: number; readonly keepCommits: number };
  readonly teams: readonly TeamRule[];
  /** Further repositories of the cluster. */
  readonly sources: readonly SourceRule[];
  /** Patterns of branches of the hosted repository that go forward only, besides the desired one. */
  readonly protectedBranches: readonly string[];
  readonly notifications: readonly NotificationRule[];
  /** What the repository's URL does not say about its forge. */
  readonly forge: ForgeSettings;
  readonly signatures: { readonly require: boolean; readonly keys: string };
  /** Undefined: no request or branch gets one. */
  readonly previews: PreviewRules | undefined;
  /** For whose plans encrypted files are opened. */
  readonly plans: { readonly encrypted: "never" | "branches" | "always" };
  /** What becomes of a commit whose objects refer to something that will not be there. */
  readonly references: "refuse" | "warn" | "ignore";
  /** The file as it was written, for the Repository object; undefined when there is none. */
  readonly source: Repository | undefined;
}

export const DEFAULT_SIGNERS_FILE = ".mainstay/signers";
export const DEFAULT_DEADLINE_MS = 5 * 60_000;
const DEFAULT_PROTECTED_KINDS = ["Namespace", "PersistentVolumeClaim", "PersistentVolume", "CustomResourceDefinition"];

/** What holds without a mainstay.yaml. */
export function defaultRepositoryConfig(cluster: string): RepositoryConfig {
  return {
    units: undefined,
    deletes: { maxPercent: 20, protectedKinds: new Set(DEFAULT_PROTECTED_KINDS) },
    status: { branch: `status/${cluster}`, minIntervalMs: 10_000, keepCommits: 2000 },
    references: "refuse",
    forge: {},
    teams: [],
    sources: [],
    protectedBranches: [],
    notifications: [],
    signatures: { require: false, keys: DEFAULT_SIGNERS_FILE },
    previews: undefined,
    plans: { encrypted: "branches" },
    source: undefined,
  };
}

/** Reads mainstay.yaml. With problems, the defaults are returned beside them and nothing may be applied. */
export function parseRepositoryConfig(
  content: Buffer,
  cluster: string,
  file: string,
): { readonly config: RepositoryConfig; readonly problems: readonly Problem[] } {
  const fallback = defaultRepositoryConfig(cluster);
  const problems: Problem[] = [];
  const failed = (line: number, message: string, field?: string) => void problems.push({ file, line, message, ...(field === undefined ? {} : { field }) });
  try {
    const documents = parseYamlDocuments(content.toString("utf8"));
    const document = documents[0];
    if (document === undefined) return { config: fallback, problems };
    if (documents.length > 1) failed(documents[1]?.line ?? 1, "the file must hold one document");
    const checked = conform(loadSchema("mainstay.dev/v1alpha1/repository.yaml", "Repository"), document.value, { defaults: true, prune: false });
    for (const field of checked.unknown)
      failed(document.lineOf(structuralPathOf(field)), unknownFieldMessage(field, loadSchema("mainstay.dev/v1alpha1/repository.yaml", "Repository")), field);
    for (const error of checked.errors) failed(document.lineOf(structuralPathOf(error.field)), plainMessage(error.message, error.field), error.field);
    if (problems.length > 0) return { config: fallback, problems };
    const repository = checked.value as Repository; // the schema was just found to hold
    if (repository.apiVersion !== "mainstay.dev/v1alpha1" || repository.kind !== "Repository")
      failed(document.lineOf(["kind"]), "must be kind Repository of apiVersion mainstay.dev/v1alpha1");
    if (repository.observed !== undefined) failed(document.lineOf(["observed"]), "is set by the system", "observed");
    for (const [index, unit] of (repository.units ?? []).entries()) {
      for (const [name, value] of Object.entries(unit.variables ?? {}))
        if (typeof value === "object")
          failed(document.lineOf(["units", index, "variables", name]), "must be text, a number or a boolean", `units[${index}].variables.${name}`);
      for (const [number, { schedule, timeZone }] of (unit.windows ?? []).entries()) {
        const fault = scheduleFault(schedule, timeZone);
        if (fault !== undefined) failed(document.lineOf(["units", index, "windows", number, "schedule"]), fault, `units[${index}].windows[${number}].schedule`);
      }
      if (!isRelativePath(unit.path))
        failed(document.lineOf(["units", index, "path"]), "must be a path inside the repository, without a leading / and without ..", `units[${index}].path`);
    }
    for (const [name, value] of Object.entries(repository.previews?.variables ?? {}))
      if (typeof value === "object")
        failed(document.lineOf(["previews", "variables", name]), "must be text, a number or a boolean", `previews.variables.${name}`);
    for (const [index, source] of (repository.sources ?? []).entries()) {
      for (const { field, message } of findSourceFaults(source, cluster))
        failed(document.lineOf(["sources", index, field]), message, `sources[${index}].${field}`);
    }
    const branch = repository.status?.branch ?? fallback.status.branch;
    if (!/^status\/[A-Za-z0-9][A-Za-z0-9._/-]*$/.test(branch) || /\.\.|\/\/|\/$|\.lock$/.test(branch))
      failed(document.lineOf(["status", "branch"]), "must begin with status/ and be a valid branch name", "status.branch");
    return { config: problems.length > 0 ? fallback : toConfig(repository, fallback, (index) => document.lineOf(["units", index])), problems };
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    const { line, message } = explainYaml(error, content.toString("utf8"));
    failed(line, message);
    return { config: fallback, problems };
  }
}

function toConfig(repository: Repository, fallback: RepositoryConfig, lineOfUnit: (index: number) => number): RepositoryConfig {
  return {
    units: repository.units?.map((unit, index) => ({
      path: normalisePath(unit.path),
      namespace: unit.namespace,
      prune: unit.prune ?? true,
      dependsOn: unit.dependsOn ?? [],
      deadlineMs: parseDurationMs(unit.deadline) ?? DEFAULT_DEADLINE_MS,
      variables: variablesOf(unit.variables),
      helm: unit.helm === undefined ? undefined : { releaseName: unit.helm.releaseName, values: unit.helm.values ?? [] },
      policies: policiesOf(unit),
      line: lineOfUnit(index),
    })),
    deletes: {
      maxPercent: repository.deletes?.maxPercent ?? fallback.deletes.maxPercent,
      protectedKinds: repository.deletes?.protect === undefined ? fallback.deletes.protectedKinds : new Set(repository.deletes.protect),
    },
    status: {
      branch: repository.status?.branch ?? fallback.status.branch,
      minIntervalMs: parseDurationMs(repository.status?.minInterval) ?? fallback.status.minIntervalMs,
      keepCommits: repository.status?.keepCommits ?? fallback.status.keepCommits,
    },
    // Here and of plans, the schema admits these three words only.
    references: (repository.references as RepositoryConfig["references"] | undefined) ?? fallback.references,
    signatures: { require: repository.signatures?.require ?? false, keys: normalisePath(repository.signatures?.keys ?? DEFAULT_SIGNERS_FILE) },
    previews: repository.previews === undefined ? undefined : previewRules(repository.previews),
    plans: { encrypted: (repository.plans?.encrypted as RepositoryConfig["plans"]["encrypted"] | undefined) ?? fallback.plans.encrypted },
    forge: repository.forge ?? {},
    teams: repository.teams ?? [],
    sources: (repository.sources ?? []).map((source) => readSourceRule(source, parseDurationMs(source.interval))),
    protectedBranches: repository.protectedBranches ?? [],
    notifications: (repository.notifications ?? []).map(({ name, type, secret, events, template, maxPerHour }) => ({
      name,
      secret,
      template,
      type: type === "slack" ? ("slack" as const) : ("generic" as const),
      events: events ?? NOTIFICATION_EVENTS,
      maxPerHour: maxPerHour ?? 60,
    })),
    source: repository,
  };
}

/** The schema has admitted the words that are read as one of few. */
function policiesOf({ replace, suspend, windows, ignore, drift, serviceAccount, bounds }: RepositoryUnit): NonNullable<UnitRule["policies"]> {
  return {
    ...(replace === undefined ? {} : { replace }),
    ...(suspend === undefined ? {} : { suspend }),
    ...(windows === undefined || windows.length === 0
      ? {}
      : {
          windows: windows.map(({ kind, schedule, duration, timeZone }) => ({
            kind: kind === "deny" ? ("deny" as const) : ("allow" as const),
            schedule,
            timeZone: timeZone ?? "UTC",
            durationMs: parseDurationMs(duration) ?? 0,
          })),
        }),
    ...(ignore === undefined ? {} : { ignore }),
    ...(serviceAccount === undefined || serviceAccount === "" ? {} : { serviceAccount }),
    ...(bounds === undefined ? {} : { bounds }),
    ...(drift === undefined ? {} : { drift: drift as DriftPolicy }),
  };
}

/** Why a window's schedule cannot be read; undefined when it can. */
function scheduleFault(schedule: string, timeZone: string | undefined): string | undefined {
  try {
    parseCronSchedule(schedule, timeZone);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function variablesOf(source: Readonly<Record<string, unknown>> | undefined): Variables {
  // Checked above to hold single values only.
  return Object.fromEntries(Object.entries(source ?? {}).filter(([, value]) => typeof value !== "object")) as Variables;
}

function isRelativePath(path: string): boolean {
  return !path.startsWith("/") && !path.split("/").includes("..");
}

/** Without `./` and trailing slashes; the root is the empty path. */
export function normalisePath(path: string): string {
  return path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}
