import type { OpenRequest } from "../forge/forge.ts";
import type { Proposal } from "../git/choose-proposals.ts";
import { globExpression } from "../manifests/ignore-patterns.ts";
import type { PreviewRules } from "../manifests/preview-rules.ts";
import { previewNamespace, type PreviewIdentity } from "./preview-identity.ts";

/** A preview whose namespace is in the cluster, as the namespace itself tells. */
export interface ExistingPreview extends PreviewIdentity {
  readonly head: string;
  readonly movedMs: number;
  readonly isTerminating: boolean;
}

export interface ChosenPreview extends PreviewIdentity {
  readonly head: string;
  readonly movedMs: number;
  /** It is not shown any more, and stays as it is until that has been so for a while. */
  readonly isHeld?: true;
}

/** A preview that ran out and has not been pushed to since. */
export interface ExpiredPreview {
  readonly name: string;
  readonly ref: string;
  readonly head: string;
}

export interface PreviewChoice {
  readonly run: readonly ChosenPreview[];
  readonly remove: readonly { readonly preview: ExistingPreview; readonly why: string }[];
  /** Wanted, but there are as many already as there may be. */
  readonly waiting: readonly PreviewIdentity[];
  /** Labelled, but of forks, which get none. */
  readonly ofForks: readonly PreviewIdentity[];
  readonly expired: readonly ExpiredPreview[];
  /** Refs of which nothing is shown, each with when that was so first (monotonic). */
  readonly vanished: ReadonlyMap<string, number>;
  /** When the answer changes by time alone; Infinity: not at all. */
  readonly nextDueMs: number;
}

export interface PreviewQuestion {
  /** Of the commit that runs; undefined: nobody gets a preview. */
  readonly rules: PreviewRules | undefined;
  /** Every branch and request there is. */
  readonly proposals: readonly Proposal[];
  /** What the forge says of open requests; undefined: nobody could be asked, and those that run go on. */
  readonly requests: readonly OpenRequest[] | undefined;
  readonly existing: readonly ExistingPreview[];
  readonly expired: readonly ExpiredPreview[];
  /** Of the last choice. */
  readonly vanished: ReadonlyMap<string, number>;
  /** What is not among the refs was deleted by a push to here. */
  readonly isHosted: boolean;
  readonly now: number;
  readonly monotonicMs: number;
}

/** For so long nothing of a branch or request is shown before its preview goes with all that is in it: a remote or forge may leave things out once. */
const VANISHED_MS = 60_000;

/** Whoever may push to the fork would decide what runs here, and on some forges he may set the label himself. */
export const FORK_WHY =
  "it is of a fork, and nobody here decides what is pushed there; previews.forks in mainstay.yaml lets those with the label run all the same";

/**
 * Which previews there shall be. What runs keeps its place; new ones come in by name, as long as there is room. A preview that expired
 * stays away until its head moves, or until it was not wanted for a moment: its label taken away and put back. What is said of a branch or
 * request counts at once; that nothing is said any more counts when it was so before. Pure.
 */
export function choosePreviews(question: PreviewQuestion): PreviewChoice {
  const { rules, proposals, requests, existing, expired, now, monotonicMs } = question;
  const identified = proposals.map((proposal) => ({ ...proposal, namespace: previewNamespace(proposal.name, proposal.ref) }));
  const runs = ({ ref }: Proposal) => existing.some((preview) => preview.ref === ref && !preview.isTerminating);
  const chosen = rules === undefined ? [] : identified.filter((proposal) => isChosen(proposal, rules, requests, runs(proposal)));
  const ofForks = rules?.forks === false ? chosen.filter(({ ref }) => requestOf(ref, requests)?.isOfFork === true) : [];
  const wanted = chosen.filter((proposal) => !ofForks.includes(proposal));
  const vanished = rules === undefined ? new Map<string, number>() : findVanished(question);
  const heldForMs = (ref: string) => (vanished.get(ref) ?? -Infinity) + VANISHED_MS - monotonicMs;
  const stillExpired = new Map(
    expired.filter((one) => heldForMs(one.ref) > 0 || wanted.some(({ ref, head }) => ref === one.ref && head === one.head)).map((one) => [one.ref, one]),
  );
  const run: ChosenPreview[] = [];
  const remove: { preview: ExistingPreview; why: string }[] = [];
  let nextDueMs = Infinity;
  for (const preview of existing) {
    const proposal = wanted.find(({ ref }) => ref === preview.ref);
    if (preview.isTerminating) continue;
    if (proposal === undefined && heldForMs(preview.ref) > 0) {
      const { name, ref, namespace, head, movedMs } = preview;
      nextDueMs = Math.min(nextDueMs, now + heldForMs(ref));
      run.push({ name, ref, namespace, head, movedMs, isHeld: true });
    } else if (proposal === undefined || rules === undefined)
      remove.push({
        preview,
        why:
          rules === undefined
            ? "mainstay.yaml has no previews any more"
            : ofForks.some(({ ref }) => ref === preview.ref)
              ? FORK_WHY
              : "it is closed, or no longer chosen",
      });
    else {
      const movedMs = proposal.head === preview.head ? preview.movedMs : now;
      const dueMs = movedMs + rules.expireAfterMs;
      if (dueMs <= now) {
        stillExpired.set(preview.ref, { name: preview.name, ref: preview.ref, head: proposal.head });
        remove.push({ preview, why: "nothing was pushed to it for too long" });
      } else {
        nextDueMs = Math.min(nextDueMs, dueMs);
        run.push({ name: preview.name, ref: preview.ref, namespace: preview.namespace, head: proposal.head, movedMs });
      }
    }
  }
  const kept = run.sort(byName).slice(0, rules?.max ?? 0);
  for (const { namespace } of run.slice(kept.length))
    remove.push(...existing.filter((preview) => preview.namespace === namespace).map((preview) => ({ preview, why: "mainstay.yaml allows fewer now" })));
  const waiting: PreviewIdentity[] = [];
  for (const { name, ref, namespace, head } of [...wanted].sort(byName)) {
    // One whose namespace is still on its way out comes again when it is gone.
    if (stillExpired.has(ref) || existing.some((preview) => preview.namespace === namespace)) continue;
    if (rules !== undefined && kept.length < rules.max) kept.push({ name, ref, namespace, head, movedMs: now });
    else waiting.push({ name, ref, namespace });
  }
  return { run: kept, remove, waiting, ofForks, expired: [...stillExpired.values()], vanished, nextDueMs };
}

function findVanished({ proposals, requests, existing, expired, vanished, isHosted, monotonicMs }: PreviewQuestion): ReadonlyMap<string, number> {
  const isTold = (ref: string) =>
    proposals.some((proposal) => proposal.ref === ref) && (ref.startsWith("refs/heads/") || requests === undefined || requestOf(ref, requests) !== undefined);
  return isHosted ? new Map() : new Map([...existing, ...expired].filter(({ ref }) => !isTold(ref)).map(({ ref }) => [ref, vanished.get(ref) ?? monotonicMs]));
}

function isChosen({ ref }: Proposal, rules: PreviewRules, requests: readonly OpenRequest[] | undefined, runs: boolean): boolean {
  const branch = /^refs\/heads\/(.+)$/.exec(ref)?.[1];
  if (branch !== undefined) return rules.branches.some((pattern) => globExpression(pattern).test(branch));
  if (requests === undefined) return runs;
  return requestOf(ref, requests)?.labels.includes(rules.label) === true;
}

function requestOf(ref: string, requests: readonly OpenRequest[] | undefined): OpenRequest | undefined {
  const number = Number(/^refs\/(?!heads\/).*\/(\d+)\//.exec(ref)?.[1]);
  return requests?.find((request) => request.number === number);
}

function byName(a: PreviewIdentity, b: PreviewIdentity): number {
  return a.name.localeCompare(b.name, "en", { numeric: true });
}
