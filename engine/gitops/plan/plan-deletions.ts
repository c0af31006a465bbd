import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { APPLICATION_LABEL, describeDesired, SOURCE_ANNOTATION, type DesiredObject } from "../manifests/desired-state.ts";
import { pruneProtection } from "../manifests/object-policies.ts";
import { describeEntry, type OwnedEntry } from "../sync/inventory.ts";
import type { Problem } from "../manifests/problem.ts";
import type { Unit } from "../manifests/resolve-units.ts";

/** An inventory entry that the repository no longer has, with what is in the cluster now. */
export interface StaleEntry extends OwnedEntry {
  readonly live: KubeObject | undefined;
  /** Why the API cannot say whether it is there. */
  readonly unread?: string;
}

export interface DeletionRules {
  /** Those that left the repository among them. */
  readonly units: readonly Unit[];
  readonly maxPercent: number;
  readonly protectedKinds: ReadonlySet<string>;
  /** Values of Allow-Delete trailers. */
  readonly allowed: readonly string[];
  /** How many objects each unit holds, to measure the share against. */
  readonly inventorySizes: ReadonlyMap<string, number>;
  /** One of the objects that the repository wants and that would go with this one. */
  readonly findStandingOn?: (identity: string) => DesiredObject | undefined;
}

export interface DeletionPlan {
  readonly prune: readonly (StaleEntry & { readonly live: KubeObject })[];
  /** All that the commit may delete, also what still has to wait for something. Later commits need no word for it. */
  readonly allowed: readonly StaleEntry[];
  /** No longer there, or no longer ours: only the inventory changes. */
  readonly forget: readonly StaleEntry[];
  readonly kept: readonly KeptEntry[];
  readonly problems: readonly Problem[];
}

/** An object that left the repository and stays in the cluster; shown until someone resolves it. */
export interface KeptEntry extends StaleEntry {
  readonly why: string;
}

/** So many objects of a unit may always go: in a small application every deletion is a large share. */
const DELETES_ALWAYS_ALLOWED = 5;
/** Of all units together: many small ones are as much as a large one, and one wrong word in mainstay.yaml takes them all. */
const DELETES_ALWAYS_ALLOWED_TOGETHER = 10;

/** With the units by name: each entry asks for its own. */
type Rules = Omit<DeletionRules, "units"> & { readonly units: ReadonlyMap<string, Unit> };

/** What may go of that which left the repository. Nothing outside of the inventory is ever looked at. A namespace stays as long as something in it does, or is wanted. */
export function planDeletions(stale: readonly StaleEntry[], { units, ...others }: DeletionRules): DeletionPlan {
  const rules: Rules = { ...others, units: new Map(units.map((unit) => [unit.name, unit])) };
  const prune: (StaleEntry & { readonly live: KubeObject })[] = [];
  const unread: StaleEntry[] = [];
  const forget: StaleEntry[] = [];
  const kept: KeptEntry[] = [];
  const problems: Problem[] = [];
  for (const entry of stale) {
    const { live } = entry;
    const protection = live === undefined ? undefined : pruneProtection(live);
    if (entry.unread !== undefined) {
      kept.push({ ...entry, why: `it cannot be read now: ${entry.unread}` });
      unread.push(entry);
    } else if (live === undefined || live.metadata.labels?.[APPLICATION_LABEL] !== entry.unit) forget.push(entry);
    else if (protection !== undefined) kept.push({ ...entry, why: `the annotation ${protection}` });
    else if (rules.units.get(entry.unit)?.prune === false) kept.push({ ...entry, why: "prune is off for its unit" });
    else if (live.metadata.deletionTimestamp !== undefined) kept.push({ ...entry, why: whyStillThere(live) });
    else if (rules.protectedKinds.has(entry.entry.kind) && entry.entry.leaving !== true && !isAllowed(entry, rules)) {
      kept.push({ ...entry, why: "its kind is protected" });
      problems.push(
        refusal(
          live,
          `deletes ${describeEntry(entry.entry)}, and ${entry.entry.kind} is protected; to delete it, ${trailerHint("Allow-Delete", `${entry.entry.kind}/${entry.entry.name}`)}`,
        ),
      );
    } else prune.push({ ...entry, live });
  }
  const prunable = withoutOccupied(
    prune.filter((entry) => {
      const wanted = rules.findStandingOn?.(entry.identity);
      if (wanted !== undefined) kept.push({ ...entry, why: `${describeDesired(wanted)} would go with it` });
      return wanted === undefined;
    }),
    kept,
  );
  problems.push(...findExcess([...prunable, ...unread], rules));
  return { prune: prunable, allowed: problems.length === 0 ? [...prune, ...unread] : [], forget, kept, problems };
}

/** Shares that are larger than the repository lets go without a word: of a unit, and where each unit's is small, of all of them together. */
function findExcess(prunable: readonly StaleEntry[], rules: Rules): readonly Problem[] {
  const { maxPercent, inventorySizes } = rules;
  const problems: Problem[] = [];
  const unasked = prunable.filter((entry) => entry.entry.leaving !== true && !isAllowedWith(entry, rules));
  const excess = (entries: typeof unasked, size: number, of: string, word: string) => {
    const [first] = entries;
    if (first !== undefined)
      problems.push(
        refusal(
          first.live,
          `deletes ${entries.length} of the ${size} objects of ${of}, more than ${maxPercent} %; to delete them, ${trailerHint("Allow-Delete", word)}`,
        ),
      );
  };
  for (const [unit, entries] of Map.groupBy(unasked, (entry) => entry.unit)) {
    const size = Math.max(entries.length, inventorySizes.get(unit) ?? 0);
    if (entries.length > DELETES_ALWAYS_ALLOWED && entries.length * 100 > maxPercent * size) excess(entries, size, unit, unit);
  }
  const size = Math.max(
    unasked.length,
    [...inventorySizes.values()].reduce((sum, one) => sum + one, 0),
  );
  const units = new Set(unasked.map(({ unit }) => unit));
  if (problems.length === 0 && units.size > 1 && unasked.length > DELETES_ALWAYS_ALLOWED_TOGETHER && unasked.length * 100 > maxPercent * size)
    excess(unasked, size, `the repository, in ${units.size} applications`, folderAround([...units].map((unit) => folderOf(unit, rules))));
  return problems;
}

/** The innermost folder that is around all of them; "." is the repository. */
function folderAround(folders: readonly string[]): string {
  const [first = [], ...others] = folders.map((folder) => folder.split("/").slice(0, -1));
  const length = others.reduce((common, parts) => {
    const differs = parts.findIndex((part, index) => part !== first[index]);
    return Math.min(common, differs < 0 ? parts.length : differs);
  }, first.length);
  return first.slice(0, length).join("/") || ".";
}

/** What an object that was deleted still waits for. */
export function whyStillThere({ metadata }: KubeObject): string {
  const { finalizers = [] } = metadata;
  return `it is being deleted${finalizers.length === 0 ? "" : `, and waits for ${finalizers.join(", ")}`}`;
}

/** What may go, without the namespaces in which something is kept: these are kept as well. */
export function withoutOccupied<E extends StaleEntry>(prune: readonly E[], kept: KeptEntry[]): readonly E[] {
  return prune.filter((entry) => {
    const inside =
      entry.entry.kind === "Namespace"
        ? kept.find(({ entry: other, live }) => other.namespace === entry.entry.name && live?.metadata.deletionTimestamp === undefined)
        : undefined;
    if (inside !== undefined) kept.push({ ...entry, why: `${describeEntry(inside.entry)} in it stays` });
    return inside === undefined;
  });
}

/** A trailer may name the unit, its folder, `Kind/name`, `Kind/namespace/name`, or any of the last two below the unit. */
function isAllowed(entry: OwnedEntry, rules: Pick<Rules, "allowed" | "units">): boolean {
  if (rules.allowed.length === 0) return false;
  const { kind, namespace, name } = entry.entry;
  const unitNames = [entry.unit, folderOf(entry.unit, rules)];
  const objectNames = [`${kind}/${name}`, ...(namespace === undefined ? [] : [`${kind}/${namespace}/${name}`])];
  const accepted = [...unitNames, ...objectNames, ...unitNames.flatMap((unit) => objectNames.map((object) => `${unit}/${object}`))];
  return rules.allowed.some((value) => accepted.includes(value.replace(/\/$/, "")));
}

/** For shares, a folder around the unit counts as well, up to `.`; what is protected has to be named. */
function isAllowedWith(entry: OwnedEntry, rules: Pick<Rules, "allowed" | "units">): boolean {
  const folder = folderOf(entry.unit, rules);
  return isAllowed(entry, rules) || rules.allowed.some((value) => value === "." || folder.startsWith(`${value.replace(/\/$/, "")}/`));
}

function folderOf(unit: string, { units }: Pick<Rules, "units">): string {
  return units.get(unit)?.path ?? `apps/${unit}`;
}

export function trailerHint(key: string, value: string): string {
  return `say so in the commit message: git commit --amend --no-edit --trailer "${key}: ${value}"`;
}

/** The place where the object was described last; its manifest is gone. */
function refusal(live: KubeObject | undefined, message: string): Problem {
  const [, file = ".", line = "1"] = /^(.*):(\d+)$/.exec(live?.metadata.annotations?.[SOURCE_ANNOTATION] ?? "") ?? [];
  return { file, line: Number(line), message };
}
