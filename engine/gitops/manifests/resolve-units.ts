import { globExpression } from "./ignore-patterns.ts";
import type { Problem } from "./problem.ts";
import { CONFIG_FILE, DEFAULT_DEADLINE_MS, type HelmSettings, type RepositoryConfig, type UnitRule } from "./repository-config.ts";
import type { Variables } from "./substitute-variables.ts";

/** A folder of the repository that is applied and reported as one Application. */
export interface Unit {
  /** The Application's name, and the value of the label on everything it applies. */
  readonly name: string;
  /** Folder from the repository's root; empty for the root itself. */
  readonly path: string;
  /** Where objects go that name no namespace; undefined: `default`. */
  readonly namespace: string | undefined;
  readonly prune: boolean;
  /** Names of the units that must be healthy first. */
  readonly dependsOn: readonly string[];
  readonly deadlineMs: number;
  /** Kinds whose objects may be deleted and made anew when a field cannot change in place. */
  readonly replace?: readonly string[];
  readonly suspend?: boolean;
  /** The further repository that it comes from; undefined: the cluster's own. */
  readonly source?: string;
  /** Of the unit's namespace, or of `accountNamespace`: it applies in this account's name, with its rights. */
  readonly serviceAccount?: string;
  readonly accountNamespace?: string;
  readonly bounds?: UnitBounds;
  readonly windows?: readonly SyncWindow[];
  readonly ignore?: readonly IgnoredFields[];
  /** What becomes of a change in the cluster; undefined: it is put back. */
  readonly drift?: DriftPolicy;
  /** Values that `${name}` stands for in its files. */
  readonly variables?: Variables;
  /** How its chart is rendered, when it is one. */
  readonly helm?: HelmSettings;
}

/** What a unit may hold. */
export interface UnitBounds {
  readonly namespaces?: readonly string[];
  readonly kinds?: readonly string[];
}

export type DriftPolicy = "revert" | "refuse" | "report" | "propose";

/** When a unit may change, or may not. */
export interface SyncWindow {
  readonly kind: "allow" | "deny";
  /** Five fields of cron; it was parsed once without failure. */
  readonly schedule: string;
  readonly timeZone: string;
  readonly durationMs: number;
}

/** Fields that keep their live value. */
export interface IgnoredFields {
  readonly kind?: string;
  readonly name?: string;
  readonly fields: readonly string[];
}

export interface ResolvedUnits {
  readonly units: readonly Unit[];
  readonly problems: readonly Problem[];
  readonly notices: readonly string[];
}

/** The folders whose children are applications when mainstay.yaml says nothing. */
export const DEFAULT_PARENTS = ["infra", "apps"];
const DEFAULT_RULES: readonly UnitRule[] = DEFAULT_PARENTS.map((parent) => ({
  path: `${parent}/*`,
  namespace: undefined,
  prune: true,
  dependsOn: [],
  deadlineMs: DEFAULT_DEADLINE_MS,
  variables: {},
  helm: undefined,
  line: 1,
}));
const ROOT_RULE: UnitRule = {
  path: "",
  namespace: undefined,
  prune: true,
  dependsOn: [],
  deadlineMs: DEFAULT_DEADLINE_MS,
  variables: {},
  helm: undefined,
  line: 1,
};

/**
 * Which folders are units: those that mainstay.yaml names, or each folder below apps/ and infra/, or the root.
 * `folders` are all folders that a rule could mean, from the root, without leading or trailing slashes.
 */
export function resolveUnits(config: Pick<RepositoryConfig, "units">, folders: readonly string[], configFile = CONFIG_FILE): ResolvedUnits {
  const hasLayout = folders.some((folder) => DEFAULT_PARENTS.some((parent) => folder.startsWith(`${parent}/`)));
  const rules = config.units ?? (hasLayout ? DEFAULT_RULES : [ROOT_RULE]);
  const problems: Problem[] = [];
  const notices: string[] = [];
  const found = new Map<string, UnitRule>();
  for (const rule of rules) {
    const expression = globExpression(rule.path);
    const matches = rule.path === "" ? [""] : folders.filter((folder) => expression.test(folder));
    if (matches.length === 0 && config.units !== undefined) notices.push(`${configFile}:${rule.line} no folder matches ${rule.path}`);
    // The first rule that names a folder decides, so a special case can stand before a pattern.
    const others = matches.map((path) => found.get(path));
    const [first] = others;
    if (first !== undefined && !others.includes(undefined))
      notices.push(
        `${configFile}:${rule.line} has no effect: the first rule that names a folder decides, and ${first.path || "."} in line ${first.line} names ${matches.length === 1 ? (matches[0] ?? "") : `all of ${rule.path}`} already; put this one before it`,
      );
    for (const path of matches) if (!found.has(path)) found.set(path, rule);
  }
  const paths = [...found.keys()].sort();
  for (const path of paths) {
    const outer = foldersAbove(path).find((folder) => found.has(folder));
    if (outer !== undefined)
      problems.push({
        file: configFile,
        line: found.get(path)?.line ?? 1,
        message: `unit ${path} lies inside unit ${outer === "" ? "." : outer}; one file must belong to one unit`,
      });
  }
  const names = nameUnits(paths);
  const units = paths.map((path): Unit => {
    const rule = found.get(path) ?? ROOT_RULE;
    return {
      name: names.get(path) ?? path,
      path,
      namespace: rule.namespace?.replaceAll("{dir}", dnsLabel(baseName(path))),
      prune: rule.prune,
      dependsOn: expandDependencies(rule, path, paths).map((dependency) => names.get(dependency) ?? dependency),
      deadlineMs: rule.deadlineMs,
      ...rule.policies,
      ...(Object.keys(rule.variables).length === 0 ? {} : { variables: rule.variables }),
      ...(rule.helm === undefined ? {} : { helm: rule.helm }),
    };
  });
  const cycle = findCycle(units);
  if (cycle !== undefined)
    problems.push({
      file: configFile,
      line: found.get(cycle[0]?.path ?? "")?.line ?? 1,
      field: "dependsOn",
      message: `units wait for each other: ${cycle.map((unit) => unit.name).join(" → ")}`,
    });
  return { units, problems, notices };
}

/** The folders around a folder, from the root on. */
function foldersAbove(path: string): readonly string[] {
  const parts = path.split("/");
  return path === "" ? [] : parts.map((_, length) => parts.slice(0, length).join("/"));
}

/** Units in an order in which each comes after those it depends on; ties by name. Only for graphs without cycles. */
export function orderUnits(units: readonly Unit[]): readonly Unit[] {
  const byName = new Map(units.map((unit) => [unit.name, unit]));
  const done = new Set<string>();
  const ordered: Unit[] = [];
  const visit = (unit: Unit) => {
    if (done.has(unit.name)) return;
    done.add(unit.name);
    for (const name of unit.dependsOn) {
      const dependency = byName.get(name);
      if (dependency !== undefined) visit(dependency);
    }
    ordered.push(unit);
  };
  for (const unit of units) visit(unit);
  return ordered;
}

/**
 * The folder's name where it is unique; where two folders share it, apps/ keeps the short one and the others carry their path. A folder whose
 * own name it is goes before one of which it is made, as of `Shop`: whoever adds that renames no application.
 */
function nameUnits(paths: readonly string[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  const isApp = (path: string) => (path.startsWith("apps/") ? 0 : 1);
  const shortOf = (path: string) => (path === "" ? "root" : dnsLabel(baseName(path)));
  const isMade = (path: string) => (shortOf(path) === baseName(path) ? 0 : 1);
  for (const path of [...paths].sort((a, b) => isApp(a) - isApp(b) || isMade(a) - isMade(b) || (a < b ? -1 : 1))) {
    const short = shortOf(path);
    const long = dnsLabel(path.replaceAll("/", "-"));
    let name = taken.has(short) ? long : short;
    for (let count = 2; taken.has(name); count++) name = `${long.slice(0, 58)}-${count}`;
    taken.add(name);
    names.set(path, name);
  }
  return names;
}

function expandDependencies(rule: UnitRule, path: string, paths: readonly string[]): readonly string[] {
  if (rule.dependsOn.length === 0) return [];
  const expressions = rule.dependsOn.map((pattern) => globExpression(pattern.replace(/\/$/, "")));
  return paths.filter((other) => other !== path && expressions.some((expression) => expression.test(other)));
}

/** A path of units that ends where it began. */
function findCycle(units: readonly Unit[]): readonly Unit[] | undefined {
  const byName = new Map(units.map((unit) => [unit.name, unit]));
  const finished = new Set<string>();
  const walk = (unit: Unit, trail: readonly Unit[]): readonly Unit[] | undefined => {
    const start = trail.findIndex((earlier) => earlier.name === unit.name);
    if (start >= 0) return [...trail.slice(start), unit];
    if (finished.has(unit.name)) return undefined;
    for (const name of unit.dependsOn) {
      const dependency = byName.get(name);
      const cycle = dependency === undefined ? undefined : walk(dependency, [...trail, unit]);
      if (cycle !== undefined) return cycle;
    }
    finished.add(unit.name);
    return undefined;
  };
  for (const unit of units) {
    const cycle = walk(unit, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Text as a DNS label: what names of Applications, namespaces and label values all accept. */
function dnsLabel(text: string): string {
  return (
    text
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, "-")
      .slice(0, 63)
      .replace(/^-+|-+$/g, "") || "unit"
  );
}
