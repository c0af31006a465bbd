import { hasReason } from "../../apimachinery/status-error.ts";
import { aborted, isAbort } from "../../lib/abort.ts";
import { backoffMs } from "../../lib/backoff.ts";
import { Bell } from "../../lib/bell.ts";
import { sleep, type Clock } from "../../lib/clock.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import { namespaceResource } from "../../resources/core/namespace.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import { applicationResource } from "../../resources/mainstay/application.ts";
import type { Namespace } from "../../resources/types.ts";
import type { OpenRequest } from "../forge/forge.ts";
import { chooseProposals, listProposalRefs, type Proposal } from "../git/choose-proposals.ts";
import { PREVIEW_LABEL } from "../manifests/desired-state.ts";
import type { PreviewFacts } from "../status/status-facts.ts";
import type { SourceFollower } from "../sync/source-follower.ts";
import type { Synchroniser } from "../sync/synchroniser.ts";
import { choosePreviews, FORK_WHY, type ChosenPreview, type ExistingPreview, type ExpiredPreview, type PreviewChoice } from "./choose-previews.ts";
import { isPreviewNamespace, PreviewEnvironment, type PreviewParts } from "./preview-environment.ts";
import { HEAD_ANNOTATION, MOVED_ANNOTATION, NAME_ANNOTATION, REF_ANNOTATION, type PreviewIdentity } from "./preview-identity.ts";

/** What changes together is looked at together. */
const GATHER_MS = 200;
/** A forge is asked this often which requests are open; a webhook or a push wakes at once. */
const INTERVAL_MS = 60_000;
/** What keeps a preview from being applied may go by itself. */
const REFUSED_INTERVAL_MS = 15_000;
/** What kept a preview from being looked at may be over in a moment. */
const RETRY = { initialMs: 1_000, maxMs: INTERVAL_MS };

export interface PreviewEnvironmentsOptions extends Omit<PreviewParts, "onChange"> {
  readonly synchroniser: Synchroniser;
  readonly follower: SourceFollower;
  /** Requests that are open, where a forge can be asked. */
  readonly openRequests: (signal: AbortSignal) => Promise<readonly OpenRequest[] | undefined>;
  /** Called with all previews when anything about them changed. */
  readonly onChange: (previews: readonly PreviewFacts[]) => void;
  /** What the last report told of previews. */
  readonly remembered: () => readonly PreviewFacts[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Keeps a preview for every request and branch that shall have one, and takes all others away. What there is, is read from the namespaces
 * themselves at every look, so a request that closed while nobody ran is noticed by the next one who does.
 */
export class PreviewEnvironments {
  readonly #options: PreviewEnvironmentsOptions;
  readonly #running = new Map<string, PreviewEnvironment>();
  #choice: PreviewChoice | undefined;
  #leaving: readonly ExistingPreview[] = [];
  /** Nothing of any preview is left in the cluster; where nobody gets one, there is nothing to look at then. */
  #isSwept = false;
  readonly #bell: Bell;
  /** Looks in a row of which something failed. */
  #failures = 0;

  constructor(options: PreviewEnvironmentsOptions) {
    this.#options = options;
    this.#bell = new Bell(options.clock, { isRung: true });
  }

  /** A branch or request may have moved: look soon. */
  trigger(): void {
    this.#bell.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { follower, synchroniser, clock, logger, sync } = this.#options;
    let base = synchroniser.state?.commit.id;
    const unsubscribe = synchroniser.subscribe(() => {
      if (synchroniser.state?.commit.id !== base) this.trigger();
      base = synchroniser.state?.commit.id;
    });
    const unlisten = sync.view.listen((object, _identity, isGone) => {
      if (isPreviewNamespace(object) && (isGone || object.metadata.deletionTimestamp !== undefined)) this.trigger();
    });
    try {
      await Promise.race([follower.firstLook(), aborted(signal)]);
      await sync.view.ensure([namespaceResource as unknown as ResourceDefinition], signal); // all objects are read as KubeObject there
      while (!signal.aborted) {
        this.#bell.take();
        let waitMs: number;
        try {
          const { holdsMs, isComplete } = await this.#look(signal);
          this.#failures = isComplete ? 0 : this.#failures + 1;
          waitMs = isComplete ? holdsMs : Math.min(holdsMs, backoffMs(RETRY, this.#failures));
        } catch (error) {
          if (signal.aborted) return;
          logger.warn("previews not looked at, will retry", { error: describeError(error) });
          waitMs = backoffMs(RETRY, ++this.#failures);
        }
        this.#tell();
        await this.#bell.wait(waitMs, signal);
        await sleep(clock, GATHER_MS, signal);
      }
    } catch (error) {
      if (!isAbort(error)) throw error;
    } finally {
      unsubscribe();
      unlisten();
      await Promise.all([...this.#running.values()].map((environment) => environment.stop()));
    }
  }

  /** Returns how long the answer holds, and whether it is one about all previews. */
  async #look(signal: AbortSignal): Promise<{ readonly holdsMs: number; readonly isComplete: boolean }> {
    const { synchroniser, clock, logger, openRequests, remembered, source } = this.#options;
    const state = synchroniser.state;
    // Before anything runs nothing is known of previews either, and nothing may be concluded.
    if (state === undefined) return { holdsMs: INTERVAL_MS, isComplete: true };
    const rules = state.config.previews;
    if (rules === undefined && this.#isSwept) return { holdsMs: INTERVAL_MS, isComplete: true };
    const existing = await this.#existing();
    const expired =
      this.#choice?.expired ??
      remembered()
        .filter((preview) => preview.state === "Expired")
        .map(({ name, ref, commit }): ExpiredPreview => ({ name, ref, head: commit }));
    const requests = await openRequests(signal).catch((error: unknown) => {
      logger.warn("open requests not known; previews stay as they are", { error: describeError(error) });
      return undefined;
    });
    const choice = choosePreviews({
      rules,
      proposals: await this.#proposals(),
      requests,
      existing,
      expired,
      vanished: this.#choice?.vanished ?? new Map(),
      isHosted: source.pollIntervalMs === Infinity,
      now: clock.now(),
      monotonicMs: clock.monotonic(),
    });
    for (const { name, ref } of choice.run.filter(({ isHeld }) => isHeld))
      if (this.#choice?.vanished.has(ref) !== true)
        logger.warn("nothing is shown of a preview's branch or request; it goes if that stays so", { preview: name, ref });
    this.#choice = choice;
    this.#leaving = [...existing.filter((preview) => preview.isTerminating), ...choice.remove.map(({ preview }) => preview)];
    await this.#remove(choice, existing);
    this.#isSwept = existing.length === 0 && choice.run.length === 0;
    let isComplete = true;
    for (const chosen of choice.run) {
      if (signal.aborted || rules === undefined) break;
      if (chosen.isHeld === true) continue;
      await this.#environment(chosen)
        .update(chosen, rules, state)
        .catch((error: unknown) => {
          isComplete = false;
          logger.warn("preview not brought up to date, will retry", { preview: chosen.name, error: describeError(error) });
        });
    }
    const isRefused = [...this.#running.values()].some((environment) => environment.isRefused);
    return { holdsMs: Math.max(0, Math.min(isRefused ? REFUSED_INTERVAL_MS : INTERVAL_MS, choice.nextDueMs - clock.now() + 1)), isComplete };
  }

  #environment(chosen: ChosenPreview): PreviewEnvironment {
    const known = this.#running.get(chosen.namespace);
    if (known !== undefined && !known.hasEnded) return known;
    const { loader, sealedLoader, proposalLoader, source, sync } = this.#options;
    const made = new PreviewEnvironment(chosen, { loader, sealedLoader, proposalLoader, source, sync, onChange: () => this.#tell() });
    this.#running.set(chosen.namespace, made);
    return made;
  }

  /** The namespace takes everything in it along; its Applications are forgotten once it is gone, so that a crash in between loses nothing. */
  async #remove({ run, remove }: PreviewChoice, existing: readonly ExistingPreview[]): Promise<void> {
    const {
      sync: { client },
      logger,
    } = this.#options;
    const kept = new Set(run.map(({ namespace }) => namespace));
    for (const [namespace, environment] of this.#running) {
      if (kept.has(namespace)) continue;
      await environment.stop();
      this.#running.delete(namespace);
    }
    for (const { preview, why } of remove) {
      await client.for(namespaceResource).delete("", preview.namespace).catch(ignoreGone);
      logger.info("preview removed", { preview: preview.name, namespace: preview.namespace, why });
    }
    const held = new Set([...kept, ...existing.map(({ namespace }) => namespace)]);
    const { items } = await client.for(applicationResource).list("", { labelSelector: PREVIEW_LABEL });
    for (const { metadata } of items)
      if (!held.has(metadata.labels?.[PREVIEW_LABEL] ?? ""))
        await client
          .for(applicationResource)
          .delete("", metadata.name ?? "")
          .catch(ignoreGone);
  }

  async #existing(): Promise<readonly ExistingPreview[]> {
    const { sync, clock } = this.#options;
    const { items } = await sync.client.for(namespaceResource).list("", { labelSelector: PREVIEW_LABEL });
    return items.flatMap((namespace) => readPreview(namespace, clock.now()));
  }

  /** Every branch and request, open or not. Rejects where none at all is shown: what runs here has come from one. */
  async #proposals(): Promise<readonly Proposal[]> {
    const { source } = this.#options;
    const refs = await listProposalRefs(source.store);
    if (refs.size === 0) throw new Error("the repository shows no branch at all, so none is taken for deleted");
    return chooseProposals(refs, source.branch, { has: () => true });
  }

  #tell(): void {
    const bare = ({ name, ref, namespace }: PreviewIdentity, state: PreviewFacts["state"], commit: string, reason: string): PreviewFacts => ({
      name,
      ref,
      namespace,
      state,
      commit,
      reason,
      expires: "",
      problems: [],
      notices: [],
      applications: [],
    });
    // After a start, what was told before holds until more is known.
    const told = ({ ref, commit }: PreviewFacts) =>
      this.#options.remembered().find((preview) => preview.ref === ref && preview.commit === commit && preview.namespace !== "");
    const leaving = this.#leaving.filter(({ namespace }) => !this.#running.has(namespace));
    const hasLeft = ({ ref }: Pick<PreviewIdentity, "ref">) => !leaving.some((preview) => preview.ref === ref);
    const { waiting = [], ofForks = [], expired = [] } = this.#choice ?? {};
    this.#options.onChange(
      [
        ...[...this.#running.values()].map((environment) => {
          const facts = environment.facts();
          return environment.isInformed ? facts : (told(facts) ?? facts);
        }),
        ...leaving.map((preview) => bare(preview, "Leaving", preview.head, "its namespace is being deleted")),
        ...waiting.map((preview) => bare(preview, "Waiting", "", "as many previews run as mainstay.yaml allows")),
        ...ofForks.filter(hasLeft).map((preview) => bare({ ...preview, namespace: "" }, "Waiting", "", FORK_WHY)),
        ...expired
          .filter(hasLeft)
          .map(({ name, ref, head }) =>
            bare({ name, ref, namespace: "" }, "Expired", head, "nothing was pushed to it for too long; a push, or its label put on again, brings it back"),
          ),
      ].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true })),
    );
  }
}

function readPreview({ metadata }: Namespace, now: number): readonly ExistingPreview[] {
  const { name: namespace = "", annotations = {}, deletionTimestamp, labels } = metadata;
  const ref = annotations[REF_ANNOTATION];
  // Someone else's, whatever its label says.
  if (ref === undefined || labels?.[PREVIEW_LABEL] !== namespace) return [];
  const movedMs = Date.parse(annotations[MOVED_ANNOTATION] ?? "");
  return [
    {
      name: annotations[NAME_ANNOTATION] ?? ref,
      ref,
      namespace,
      head: annotations[HEAD_ANNOTATION] ?? "",
      // One whose annotation somebody has taken away has not expired for it.
      movedMs: Number.isNaN(movedMs) ? now : movedMs,
      isTerminating: deletionTimestamp !== undefined,
    },
  ];
}

function ignoreGone(error: unknown): void {
  if (!hasReason(error, "NotFound", "Conflict")) throw error;
}
