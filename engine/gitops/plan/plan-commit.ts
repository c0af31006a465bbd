import { setImmediate } from "node:timers/promises";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { isServerFailure, unlessGone } from "../../apimachinery/status-error.ts";
import { customResourceDefinitionResource } from "../../resources/apiextensions/custom-resource-definition.ts";
import type { CustomResourceDefinition } from "../../resources/types.ts";
import type { Client } from "../../client/client.ts";
import { trailerValues } from "../git/commit-message.ts";
import type { DesiredObject, DesiredState } from "../manifests/desired-state.ts";
import { checkInventories } from "./check-inventory.ts";
import { checkQuota } from "./check-quota.ts";
import { checkReferences } from "./check-references.ts";
import { findStandingOn } from "./grounds.ts";
import { dryRunObjects, type ActAs } from "./dry-run.ts";
import { structuralPathOf } from "../../apimachinery/field-path.ts";
import { withoutValues } from "../manifests/explain-error.ts";
import type { GitObjects } from "../git/git-source.ts";
import { unitsThatLeft } from "../manifests/left-units.ts";
import { ofAllUnits, perUnit } from "../manifests/objects-by-unit.ts";
import type { Application } from "../../resources/types.ts";
import { staleEntries, type OwnedEntry } from "../sync/inventory.ts";
import { mapConcurrently } from "../../lib/map-concurrently.ts";
import { describeError } from "../../lib/log.ts";
import { contentDigest } from "../manifests/name-hooks.ts";
import { fieldLocator } from "../manifests/parse-manifests.ts";
import type { StaleEntry } from "./plan-deletions.ts";
import { planSync, type Outcome, type Refusal, type Secrecy, type SyncPlan } from "./plan-sync.ts";
import { sortProblems, type Problem } from "../manifests/problem.ts";
import type { Unit } from "../manifests/resolve-units.ts";
import { NO_RESTRAINTS, type Restraints } from "./restraints.ts";
import type { ReadLive } from "./live-objects.ts";
import type { ServedKinds } from "../manifests/served-kinds.ts";

const CONCURRENCY = 16;

export interface PlanRequest {
  readonly client: Client;
  readonly kinds: ServedKinds;
  readonly state: DesiredState;
  /** The objects to look at, and why. */
  readonly examine: readonly { readonly desired: DesiredObject; readonly cause: "commit" | "drift" }[];
  /** Outcomes that are known already and still hold; their objects are not asked about again. */
  readonly knownOutcomes: ReadonlyMap<string, Outcome>;
  /** All Applications of the repository, with their inventories. */
  readonly applications: readonly Application[];
  /** Messages of the commits since the last one that was applied: their trailers allow what is otherwise refused. */
  readonly messages: readonly string[];
  /** Given the units that change something: which of them must wait, and for which unit. */
  readonly waiting: (changing: ReadonlySet<string>) => ReadonlyMap<string, string>;
  /** Access in the name of a unit's account; without it everything is tried with the rights of `client`. */
  readonly actAs?: ActAs;
  /** How live objects are read, where not each by itself. */
  readonly readLive?: ReadLive;
  /** What must be left alone at this moment. */
  readonly restraints?: Restraints;
  /** Holds and windows end; what a plan tells people is what happens then. */
  readonly isForecast?: boolean;
  readonly secrecy?: Secrecy;
  /** Given the objects that change, by identity: which of them must wait, and for which object. Without it none does. */
  readonly blocked?: (changing: ReadonlySet<string>) => ReadonlyMap<string, string>;
}

export interface CommitPlan {
  readonly plan: SyncPlan;
  readonly outcomes: ReadonlyMap<string, Outcome>;
}

/** Observes what the plan needs (dry runs, and what is left of objects that left the repository), then plans. Changes nothing. */
export async function planCommit(request: PlanRequest): Promise<CommitPlan> {
  const { client, kinds, state, examine, applications, knownOutcomes, messages, restraints = NO_RESTRAINTS } = request;
  const asked = examine.filter(({ desired }) => !knownOutcomes.has(desired.identity)).map(({ desired }) => desired);
  const fresh = await dryRunObjects(
    client,
    request.actAs ?? (() => client),
    asked,
    { namespaces: namespacesOf(state), kinds: kindsOf(state) },
    (desired) => restraints.liveFieldsOf(desired),
    request.readLive,
  );
  const outcomes = new Map([...knownOutcomes, ...(request.secrecy?.runs === undefined ? fresh : withoutStrangeValues(fresh, request.secrecy.runs))]);
  // Each of the steps goes through all objects of a commit, so everything else in the process has its turn between them.
  await setImmediate();
  const stale = await readStale(client, kinds, staleEntries(applications, state.objects));
  await setImmediate();
  const units = new Map(state.units.map((unit) => [unit.name, unit]));
  const candidates = examine.flatMap(({ desired, cause }) => {
    const outcome = outcomes.get(desired.identity);
    return outcome === undefined ? [] : [{ desired, cause, outcome }];
  });
  const changing = candidates.filter(({ outcome }) => outcome.is !== "unchanged").map(({ desired }) => desired);
  const waiting = request.waiting(new Set([...changing, ...stale].map(({ unit }) => unit)));
  await setImmediate();
  const blocked = request.blocked?.(new Set(changing.map(({ identity }) => identity)));
  await setImmediate();
  const plan = planSync({
    candidates,
    untouched: state.objects.size - examine.length,
    stale,
    deletion: {
      units: [...state.units, ...unitsThatLeft(state.config, state.units, applications)],
      maxPercent: state.config.deletes.maxPercent,
      protectedKinds: state.config.deletes.protectedKinds,
      allowed: trailerValues(messages, "Allow-Delete"),
      inventorySizes: new Map(applications.map(({ metadata, status }) => [metadata.name ?? "", status?.inventory?.length ?? 0])),
      findStandingOn: (identity) => findStandingOn(identity, state.objects),
    },
    replaceFreely: (desired) => units.get(desired.unit)?.replace?.includes(desired.object.kind) === true,
    restraintOf: (unit, kind, namespace, name) => (request.isForecast === true ? undefined : restraints.ofObject(unit, kind, namespace, name)),
    hasLeft: (unit) => !units.has(unit),
    isDriftLeft: (desired) => ["report", "propose"].includes(units.get(desired.unit)?.drift ?? ""),
    ...(request.secrecy === undefined ? {} : { secrecy: request.secrecy }),
    allowReplace: trailerValues(messages, "Allow-Replace"),
    waiting,
    ...(blocked === undefined ? {} : { blocked }),
  });
  return { plan, outcomes };
}

/** Of objects that are in the cluster, but not by the repository, what the API says may name values that no manifest holds. */
function withoutStrangeValues(outcomes: ReadonlyMap<string, Outcome>, runs: ReadonlyMap<string, DesiredObject>): ReadonlyMap<string, Outcome> {
  return new Map(
    [...outcomes].map(([identity, outcome]) => {
      if (!("complaints" in outcome) || runs.has(identity)) return [identity, outcome];
      return [
        identity,
        { ...outcome, complaints: outcome.complaints.map((complaint) => ({ ...complaint, message: complaint.message.split(":", 1)[0] ?? "" })) },
      ];
    }),
  );
}

/**
 * What keeps a planned commit from being applied, and what is only told to whoever pushes it; sorted, with the line of each field. Of what the
 * API cannot say now the commit has to wait for what it changes itself; what runs is as it was, and must not keep its own repair from coming.
 */
export async function judgeCommit(
  commit: Pick<PlanRequest, "client" | "kinds" | "state" | "applications"> & { readonly runs?: ReadonlyMap<string, DesiredObject> | undefined },
  objects: GitObjects,
  plan: SyncPlan,
): Promise<{ readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] }> {
  await setImmediate();
  const whole = await checkWhole(commit, plan);
  await setImmediate();
  const runs = ({ desired }: Refusal) => {
    const before = commit.runs?.get(desired.identity);
    return before !== undefined && contentDigest(before.object) === contentDigest(desired.object);
  };
  const refusals = [...plan.refusals, ...whole.refusals, ...plan.unknown.filter((one) => !runs(one)).map(withRemedy)];
  const refused = await problemsOf(objects, { problems: deletionsOf(commit.state, plan), refusals });
  return {
    problems: sortProblems([...commit.state.problems, ...checkInventories(commit.state, commit.applications), ...refused]),
    warnings: await problemsOf(objects, { problems: [], refusals: [...whole.warnings, ...plan.unknown.filter(runs)] }),
  };
}

function withRemedy({ desired, complaint }: Refusal): Refusal {
  return { desired, complaint: { ...complaint, message: `${complaint.message}; push again when that answers, or leave this object as it is until then` } };
}

/** What speaks against deletions. Of an application with a file that cannot be read nobody knows what leaves it, and nobody shall be told to allow that. */
function deletionsOf({ units, problems }: Pick<DesiredState, "units" | "problems">, plan: Pick<SyncPlan, "problems">): readonly Problem[] {
  const isIn = ({ file }: Problem, { path }: Unit) => path === "" || file.startsWith(`${path}/`);
  const unread = units.filter((unit) => problems.some((problem) => isIn(problem, unit)));
  return plan.problems.filter((problem) => !unread.some((unit) => isIn(problem, unit)));
}

/** What only the commit as a whole shows: objects that it needs and that will not be there, quotas that it exceeds. */
async function checkWhole(
  { client, kinds, state }: Pick<PlanRequest, "client" | "kinds" | "state">,
  plan: SyncPlan,
): Promise<{ readonly refusals: readonly Refusal[]; readonly warnings: readonly Refusal[] }> {
  const [references, quotas] = await Promise.all([
    state.config.references === "ignore" ? [] : checkReferences(client, kinds, state, plan),
    checkQuota(client, kinds, plan),
  ]);
  return state.config.references === "warn" ? { refusals: quotas, warnings: references } : { refusals: [...references, ...quotas], warnings: [] };
}

/** Everything that keeps a commit from being applied, with the line of each field. */
export async function problemsOf(objects: GitObjects, plan: Pick<SyncPlan, "problems" | "refusals">): Promise<readonly Problem[]> {
  const locate = fieldLocator(objects);
  const located = await mapConcurrently(plan.refusals, CONCURRENCY, (refusal) => locateRefusal(locate, refusal));
  return sortProblems([...plan.problems, ...located]);
}

async function locateRefusal(locate: ReturnType<typeof fieldLocator>, { desired, complaint }: Refusal): Promise<Problem> {
  const { field } = complaint;
  const message = desired.isConfidential === true ? withoutValues(complaint.message) : complaint.message;
  if (field !== undefined && desired.locate !== undefined) return { ...desired.locate(structuralPathOf(field)), field, message };
  const line = field === undefined ? desired.line : await locate(desired, structuralPathOf(field));
  return { file: desired.file, line, message, ...(field === undefined ? {} : { field }) };
}

/** Namespaces that the commit itself brings; later validation takes them as there. */
function namespacesOf(state: DesiredState): ReadonlySet<string> {
  return new Set(ofAllUnits(state.objects, namespacesIn));
}

const namespacesIn = perUnit((objects) =>
  objects.filter(({ resource }) => resource.kind === "Namespace" && resource.group === "").map(({ object }) => object.metadata.name ?? ""),
);
const definitionsIn = perUnit((objects) =>
  objects.filter(({ resource }) => resource.kind === customResourceDefinitionResource.kind && resource.group === customResourceDefinitionResource.group),
);

/** Kinds that the commit itself defines. */
function kindsOf(state: DesiredState): ReadonlySet<string> {
  return new Set(
    ofAllUnits(state.objects, definitionsIn)
      .map(({ object }) => (object as KubeObject & CustomResourceDefinition).spec) // found by its kind
      .map(({ group, names }) => `${group}/${names.kind}`),
  );
}

async function readStale(client: Client, kinds: ServedKinds, entries: readonly OwnedEntry[]): Promise<readonly StaleEntry[]> {
  return mapConcurrently(entries, CONCURRENCY, async (owned): Promise<StaleEntry> => {
    const resource = kinds.ofGroupKind(owned.entry.group ?? "", owned.entry.kind);
    if (resource === undefined) return { ...owned, live: undefined };
    try {
      return { ...owned, live: await unlessGone(client.for(resource).get(owned.entry.namespace ?? "", owned.entry.name)) };
    } catch (error) {
      if (!isServerFailure(error)) throw error;
      return { ...owned, live: undefined, unread: describeError(error) };
    }
  });
}
