import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { describeDesired, type DesiredObject } from "../manifests/desired-state.ts";
import type { Complaint } from "../manifests/explain-error.ts";
import { computeFieldChanges, type FieldChange } from "./field-diff.ts";
import { isMadeAnew } from "../manifests/hook-policies.ts";
import { REPLACE_ANNOTATION, replacePolicy } from "../manifests/object-policies.ts";
import { groundsOf } from "./grounds.ts";
import { planDeletions, withoutOccupied, trailerHint, type DeletionRules, type KeptEntry, type StaleEntry } from "./plan-deletions.ts";
import type { Problem } from "../manifests/problem.ts";
import type { Restraints } from "./restraints.ts";
import { kindRank } from "./sync-order.ts";

/** What a dry run of one object said. */
export type Outcome =
  /** `isOwned`: all that is wanted is ours, so that nobody can change it without taking it from us. */
  | { readonly is: "unchanged"; readonly live: KubeObject; readonly isOwned: boolean }
  | { readonly is: "create"; readonly result: KubeObject }
  | {
      readonly is: "update";
      readonly live: KubeObject;
      readonly result: KubeObject;
      /** What to apply: the desired object without the fields that are left to others. */
      readonly intent: KubeObject;
      /** Take fields over that someone else wrote. */
      readonly force: boolean;
      /** Fields that another manager applies, left to it: `spec.replicas (hpa)`. */
      readonly leftToOthers: readonly string[];
      /** Managers whose list items beside ours go. */
      readonly takesItemsOf?: readonly string[];
    }
  | { readonly is: "immutable"; readonly live: KubeObject; readonly complaints: readonly Complaint[] }
  | { readonly is: "refused"; readonly complaints: readonly Complaint[] }
  /** The API cannot say now: something that it has to ask for this object, such as a webhook, does not answer. */
  | { readonly is: "unknown"; readonly complaints: readonly Complaint[] };

/** A desired object that was looked at, and why. */
export interface Candidate {
  readonly desired: DesiredObject;
  readonly outcome: Outcome;
  /** `drift`: the repository did not change, so someone changed the cluster. */
  readonly cause: "commit" | "drift";
}

export type Action =
  | { readonly do: "create"; readonly candidate: Candidate; readonly desired: DesiredObject }
  | {
      readonly do: "update";
      readonly candidate: Candidate;
      readonly desired: DesiredObject;
      readonly live: KubeObject;
      readonly intent: KubeObject;
      readonly force: boolean;
      readonly takesItemsOf?: readonly string[];
      readonly changes: readonly FieldChange[];
    }
  | { readonly do: "replace"; readonly candidate: Candidate; readonly desired: DesiredObject; readonly live: KubeObject; readonly why: string }
  | { readonly do: "prune"; readonly entry: StaleEntry; readonly live: KubeObject };

/** Actions that may run at the same time; waves run one after the other. */
export interface Wave {
  readonly rank: number;
  readonly actions: readonly Action[];
}

export interface SyncPlan {
  readonly waves: readonly Wave[];
  /** When there are any, nothing of the commit may be applied. Without lines of fields: the caller knows the files. */
  readonly refusals: readonly Refusal[];
  readonly problems: readonly Problem[];
  /** Objects of which the API cannot say now what would become of them; nothing is done about those. */
  readonly unknown: readonly Refusal[];
  readonly forget: readonly StaleEntry[];
  readonly kept: readonly KeptEntry[];
  /** What left the repository and may be deleted, now or when nothing keeps it any more. */
  readonly leaving: readonly StaleEntry[];
  /** Units whose actions wait, and for which unit. */
  readonly waiting: ReadonlyMap<string, string>;
  /** Objects that wait for their wave or for what they depend on, and for which object. */
  readonly blocked: ReadonlyMap<string, Blocked>;
  /** What is left alone for now, by a hold, a window or a suspension. */
  readonly held: readonly Held[];
  /** Changes in the cluster that their application's policy leaves there. */
  readonly left: readonly Drift[];
  readonly unchanged: number;
}

export interface Held {
  readonly unit: string;
  readonly identity: string;
  readonly why: string;
}

/** A difference that someone else made. */
export interface Drift {
  readonly desired: DesiredObject;
  readonly live: KubeObject;
  readonly changes: readonly FieldChange[];
}

export interface Blocked {
  readonly desired: DesiredObject;
  readonly by: string;
}

/** A complaint about one object of the repository. */
export interface Refusal {
  readonly desired: DesiredObject;
  readonly complaint: Complaint;
}

export interface PlanInput {
  readonly candidates: readonly Candidate[];
  /** Desired objects that were not looked at, because nothing about them changed since they were last found right. */
  readonly untouched: number;
  readonly stale: readonly StaleEntry[];
  readonly deletion: DeletionRules;
  /** Values of Allow-Replace trailers. */
  readonly allowReplace: readonly string[];
  /** Whether mainstay.yaml lets objects of this kind be replaced without asking. */
  readonly replaceFreely?: (desired: DesiredObject) => boolean;
  /** Units that must wait, and for which unit. */
  readonly waiting: ReadonlyMap<string, string>;
  /** Objects that must wait, by identity, and for which object. */
  readonly blocked?: ReadonlyMap<string, string>;
  /** Why an object must be left alone for now; undefined: it need not. */
  readonly restraintOf?: Restraints["ofObject"];
  /** Whether a unit is none of the commit's any more. */
  readonly hasLeft?: (unit: string) => boolean;
  /** Whether the application's policy leaves changes in the cluster as they are. */
  readonly isDriftLeft?: (desired: DesiredObject) => boolean;
  readonly secrecy?: Secrecy;
}

/** What a plan must not show beside what is confidential by its own commit. */
export interface Secrecy {
  /** Whether an object was written in an encrypted file before: its values are in the cluster still. */
  readonly wasConfidential: (identity: string) => boolean;
  /** What runs, for a plan that strangers have asked for: it shows no value that is not written in a manifest. */
  readonly runs?: ReadonlyMap<string, DesiredObject>;
}

/** Jobs are made anew without asking: their template can never change, and running again is what a changed Job is for. */
const REPLACED_FREELY: ReadonlySet<string> = new Set(["Job"]);

/**
 * Everything a commit would do, before anything is done. The same plan serves a push, the preview of a branch and the correction of drift.
 * Objects that moved between units are in `candidates`, not in `stale`, so a move is never a deletion.
 */
export function planSync(input: PlanInput): SyncPlan {
  const applies: Action[] = [];
  const refusals: Refusal[] = [];
  const unknown: Refusal[] = [];
  const blocked = new Map<string, Blocked>();
  const held: Held[] = [];
  const left: Drift[] = [];
  const withheld: { readonly action: Action; readonly desired: DesiredObject; readonly by: string | undefined }[] = [];
  const { restraintOf = () => undefined, isDriftLeft = () => false, hasLeft = () => false } = input;
  let unchanged = input.untouched;
  for (const candidate of input.candidates) {
    const { desired, outcome } = candidate;
    const action = planObject(
      candidate,
      { allowReplace: input.allowReplace, replaceFreely: input.replaceFreely ?? (() => false), secrecy: input.secrecy },
      refusals,
    );
    if (outcome.is === "unchanged") unchanged++;
    else if (outcome.is === "unknown") unknown.push(...outcome.complaints.map((complaint) => ({ desired, complaint })));
    else if (action !== undefined) {
      const { kind, metadata } = desired.object;
      const restraint = restraintOf(desired.unit, kind, metadata.namespace, metadata.name ?? "");
      const by = input.blocked?.get(desired.identity);
      const isWaiting = input.waiting.has(desired.unit);
      if (!isWaiting && candidate.cause === "drift" && action.do === "update" && isDriftLeft(desired)) left.push(action);
      else if (restraint !== undefined) {
        if (!isWaiting) held.push({ unit: desired.unit, identity: desired.identity, why: restraint.why });
      } else if (by === undefined && !isWaiting) applies.push(action);
      else withheld.push({ action, desired, by: isWaiting ? undefined : by });
    }
  }
  // Where they are not there yet they come along with the first object that needs them, whatever they would have to wait for: a hook that
  // runs before all others lives in a namespace too.
  const grounds = new Set(withheld.length === 0 ? [] : applies.flatMap((action) => (action.do === "prune" ? [] : groundsOf(action.desired))));
  for (const { action, desired, by } of withheld) {
    if (action.do === "create" && grounds.has(desired.identity)) applies.push(action);
    else if (by !== undefined) blocked.set(desired.identity, { desired, by });
  }
  // What leaves goes last: the old hook and the old object stay until everything new is there.
  const unfinished = new Set([...blocked.values()].map(({ desired }) => desired.unit));
  const deletions = planDeletions(input.stale, input.deletion);
  const kept: KeptEntry[] = [...deletions.kept];
  const isFree = (entry: StaleEntry) => {
    const restraint = restraintOf(entry.unit, entry.entry.kind, entry.entry.namespace, entry.entry.name);
    if (restraint === undefined) return true;
    kept.push({ ...entry, why: restraint.why });
    // A deletion that waits is a change that waits: the commit is not done, and its unit says why. A unit that left as a whole is in nobody's way.
    if (!input.waiting.has(entry.unit) && !hasLeft(entry.unit)) held.push({ unit: entry.unit, identity: entry.identity, why: restraint.why });
    return false;
  };
  const prunes = withoutOccupied(deletions.prune.filter(isFree), kept)
    .filter((entry) => !input.waiting.has(entry.unit) && !unfinished.has(entry.unit))
    .map((entry): Action => ({ do: "prune", entry, live: entry.live }));
  const changing = new Set<string>();
  for (const { outcome, desired } of input.candidates) if (outcome.is !== "unchanged") changing.add(desired.unit);
  for (const { unit } of deletions.prune) changing.add(unit);
  return {
    waves: [...intoWaves(applies, 1), ...intoWaves(prunes, -1)],
    refusals,
    unknown,
    problems: deletions.problems,
    forget: deletions.forget,
    leaving: deletions.allowed,
    kept,
    held,
    left,
    waiting: new Map([...input.waiting].filter(([unit]) => changing.has(unit))),
    blocked,
    unchanged,
  };
}

/** All actions of a plan in the order in which they run. */
export function actionsOf(plan: Pick<SyncPlan, "waves">): readonly Action[] {
  return plan.waves.flatMap((wave) => wave.actions);
}

function planObject(candidate: Candidate, input: ReplaceRules & { readonly secrecy: Secrecy | undefined }, refusals: Refusal[]): Action | undefined {
  const { desired, outcome } = candidate;
  switch (outcome.is) {
    case "unchanged":
    case "unknown":
      return undefined;
    case "create":
      return { do: "create", candidate, desired };
    case "update":
      return new Update(candidate, outcome, input.secrecy);
    case "immutable":
      return planReplacement(candidate, outcome.live, outcome.complaints, input, refusals);
    case "refused":
      for (const complaint of outcome.complaints) refusals.push({ desired, complaint });
      return undefined;
  }
}

/** Its changes are worked out when they are asked for: of a large plan only the first are shown. What must not be shown of them is settled now. */
class Update {
  readonly do = "update";
  readonly candidate: Candidate;
  readonly desired: DesiredObject;
  readonly live: KubeObject;
  readonly intent: KubeObject;
  readonly force: boolean;
  readonly takesItemsOf?: readonly string[];
  readonly #result: KubeObject;
  readonly #isConfidential: boolean;
  readonly #manifests: Parameters<typeof computeFieldChanges>[3];
  #changes: readonly FieldChange[] | undefined;

  constructor(candidate: Candidate, { live, result, intent, force, takesItemsOf }: Extract<Outcome, { is: "update" }>, secrecy: Secrecy | undefined) {
    const { desired } = candidate;
    this.candidate = candidate;
    this.desired = desired;
    this.live = live;
    this.intent = intent;
    this.force = force;
    if (takesItemsOf !== undefined) this.takesItemsOf = takesItemsOf;
    const wasConfidential = secrecy?.wasConfidential(desired.identity) === true;
    const before = wasConfidential ? undefined : secrecy?.runs?.get(desired.identity)?.object;
    this.#result = result;
    this.#isConfidential = desired.isConfidential === true || wasConfidential;
    this.#manifests = secrecy?.runs === undefined ? undefined : { before, after: desired.object };
  }

  get changes(): readonly FieldChange[] {
    return (this.#changes ??= computeFieldChanges(this.live, this.#result, this.#isConfidential, this.#manifests));
  }
}

type ReplaceRules = Required<Pick<PlanInput, "allowReplace" | "replaceFreely">>;

function planReplacement(
  candidate: Candidate,
  live: KubeObject,
  complaints: readonly Complaint[],
  input: ReplaceRules,
  refusals: Refusal[],
): Action | undefined {
  const { desired } = candidate;
  const { kind, metadata } = desired.object;
  const names = [`${kind}/${metadata.name ?? ""}`, `${kind}/${metadata.namespace ?? ""}/${metadata.name ?? ""}`, desired.unit];
  const fields = complaints
    .map((complaint) => complaint.field)
    .filter((field) => field !== undefined)
    .join(", ");
  const policy = replacePolicy(desired.object);
  const isAllowed =
    REPLACED_FREELY.has(kind) ||
    isMadeAnew(desired) ||
    policy === "allowed" ||
    input.replaceFreely(desired) ||
    input.allowReplace.some((value) => names.includes(value));
  if (isAllowed && policy !== "never") return { do: "replace", candidate, desired, live, why: `${fields} cannot change in place` };
  const remedy =
    policy === "never"
      ? `, and the annotation ${REPLACE_ANNOTATION} is never; undo the change`
      : `; to delete ${describeDesired(desired)} and make it anew, ${trailerHint("Allow-Replace", names[0] ?? "")}`;
  for (const complaint of complaints) refusals.push({ desired, complaint: { ...complaint, message: `cannot change in place${remedy}` } });
  return undefined;
}

function intoWaves(actions: readonly Action[], direction: 1 | -1): readonly Wave[] {
  const kindOf = (action: Action) => (action.do === "prune" ? action.entry.entry.kind : action.desired.object.kind);
  const named = actions.map((action) => ({ action, identity: action.do === "prune" ? action.entry.identity : action.desired.identity }));
  const sorted = named.sort((a, b) => (a.identity < b.identity ? -1 : 1)).map(({ action }) => action);
  const groups = Map.groupBy(sorted, (action) => kindRank(kindOf(action)));
  return [...groups].sort(([a], [b]) => direction * (a - b)).map(([rank, members]) => ({ rank, actions: members }));
}
