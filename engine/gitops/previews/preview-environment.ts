import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { hasReason } from "../../apimachinery/status-error.ts";
import { formatTime } from "../../lib/clock.ts";
import { describeError } from "../../lib/log.ts";
import { limitRangeResource } from "../../resources/core/limit-range.ts";
import { namespaceResource } from "../../resources/core/namespace.ts";
import { resourceQuotaResource } from "../../resources/core/resource-quota.ts";
import { worstHealth } from "../health/health.ts";
import { FIELD_MANAGER, PREVIEW_LABEL, type DesiredState } from "../manifests/desired-state.ts";
import type { ManifestLoader } from "../manifests/load-manifests.ts";
import type { PreviewRules } from "../manifests/preview-rules.ts";
import { formatProblem } from "../manifests/problem.ts";
import type { GitSource } from "../git/git-source.ts";
import type { PreviewFacts } from "../status/status-facts.ts";
import { checkSignature } from "../sync/signature-policy.ts";
import { Synchroniser, type SynchroniserOptions } from "../sync/synchroniser.ts";
import type { ChosenPreview } from "./choose-previews.ts";
import { confineToPreview, previewUnits } from "./confine-preview.ts";
import { PREVIEW_ACCOUNT, previewFrame } from "./preview-identity.ts";

const PROBLEMS_MAX = 50;

export interface PreviewParts {
  readonly loader: ManifestLoader;
  /** For previews that may not read encrypted files. */
  readonly sealedLoader: ManifestLoader;
  /** For those that bring kinds of their own. */
  readonly proposalLoader: ManifestLoader;
  readonly source: GitSource;
  readonly sync: Omit<SynchroniserOptions, "preview" | "proposer">;
  /** Called when what it tells may have changed. */
  readonly onChange: () => void;
}

interface Outcome {
  readonly head: string;
  readonly problems: readonly string[];
  readonly notices: readonly string[];
  /** What it was made from; the same is not tried again once it was accepted. */
  readonly key: string;
}

/** One preview while it runs: its namespace with what bounds it, and a synchroniser that keeps its applications there. */
export class PreviewEnvironment {
  readonly namespace: string;
  readonly #parts: PreviewParts;
  readonly #synchroniser: Synchroniser;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #chosen: ChosenPreview;
  #expiresMs: number | undefined;
  #outcome: Outcome | undefined;
  #hasEnded = false;

  constructor(chosen: ChosenPreview, parts: PreviewParts) {
    this.namespace = chosen.namespace;
    this.#chosen = chosen;
    this.#parts = parts;
    this.#synchroniser = new Synchroniser({ ...parts.sync, preview: chosen.namespace });
    this.#synchroniser.subscribe(parts.onChange);
    this.#ended = this.#synchroniser
      .run(this.#stop.signal)
      .catch((error: unknown) => parts.sync.logger.error("preview stopped", { preview: chosen.name, error: describeError(error) }))
      .finally(() => (this.#hasEnded = true));
  }

  /** It has to be made anew. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get isRefused(): boolean {
    return (this.#outcome?.problems.length ?? 0) > 0;
  }

  /** Whether what it tells is more than that it has just been begun. */
  get isInformed(): boolean {
    return this.#outcome !== undefined && this.#synchroniser.isInformed;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  /** Brings the namespace and its applications to the newest commit, if that may be; otherwise what ran before goes on. */
  async update(chosen: ChosenPreview, rules: PreviewRules, base: DesiredState): Promise<void> {
    const { source, sync } = this.#parts;
    this.#chosen = chosen;
    this.#expiresMs = chosen.movedMs + rules.expireAfterMs;
    const refusal = await this.#frame(rules);
    const head = await source.store.fetchRef(chosen.ref);
    if (head === undefined) return;
    const key = JSON.stringify([head, base.commit.id, rules, sync.kinds.generation]);
    if (refusal !== undefined) this.#outcome = { head, key: "", problems: [refusal], notices: [] };
    else if (this.#outcome?.key !== key) this.#outcome = await this.#deploy(head, key, rules, base);
    this.#parts.onChange();
  }

  facts(): PreviewFacts {
    const { name, ref, namespace, head } = this.#chosen;
    const applications = this.#synchroniser.units.facts();
    const worst = worstHealth(applications.map(({ health }) => ({ state: health })))?.state ?? "Healthy";
    const unwell = applications.find(({ health }) => health === worst);
    const { problems = [], notices = [] } = this.#outcome ?? {};
    const isAdmitted = this.#synchroniser.state !== undefined;
    const state = problems.length > 0 ? "Refused" : !isAdmitted || !this.#synchroniser.isInformed ? "Progressing" : worst;
    return {
      name,
      ref,
      namespace,
      state,
      commit: this.#outcome?.head ?? head,
      reason:
        problems.length > 0
          ? (problems[0] ?? "")
          : !isAdmitted
            ? "is being made"
            : applications.length === 0
              ? "none of its applications is chosen"
              : (unwell?.reason ?? ""),
      expires: this.#expiresMs === undefined ? "" : formatTime(this.#expiresMs),
      problems,
      notices,
      applications: isAdmitted ? applications : [],
    };
  }

  /** Says why it cannot be; undefined: the frame stands. */
  async #frame(rules: PreviewRules): Promise<string | undefined> {
    const { client, kinds } = this.#parts.sync;
    const { namespace, head, movedMs } = this.#chosen;
    const known = await client.for(namespaceResource).get("", namespace).catch(notFound);
    if (known !== undefined && known.metadata.labels?.[PREVIEW_LABEL] !== namespace)
      return `there is a namespace ${namespace} already that is no preview; rename or delete it`;
    if (known?.metadata.deletionTimestamp !== undefined) return `namespace ${namespace} is still being deleted`;
    const frame = previewFrame(this.#chosen, head, formatTime(movedMs), rules);
    try {
      for (const object of frame) {
        const resource = kinds.of(object);
        if (resource !== undefined) await client.for(resource).apply(object, { fieldManager: FIELD_MANAGER, force: true });
      }
      const isBounded = (bound: string) => frame.some(({ kind }) => kind === bound);
      if (!isBounded("ResourceQuota")) await client.for(resourceQuotaResource).delete(namespace, PREVIEW_ACCOUNT).catch(notFound);
      if (!isBounded("LimitRange")) await client.for(limitRangeResource).delete(namespace, PREVIEW_ACCOUNT).catch(notFound);
      return undefined;
    } catch (error) {
      if (hasReason(error, "Invalid", "Forbidden", "BadRequest")) return describeError(error);
      throw error;
    }
  }

  async #deploy(head: string, key: string, rules: PreviewRules, base: DesiredState): Promise<Outcome> {
    const { source, sync } = this.#parts;
    const { loader, sealedLoader, proposalLoader } = this.#parts;
    const { objects } = source.store;
    const commit = await objects.commit(head);
    const startedMs = sync.clock.monotonic();
    const units = previewUnits(rules, this.#chosen);
    const loaded = await (rules.encrypted ? loader.loadProposal(objects, commit, proposalLoader, units) : sealedLoader.load(objects, commit, units));
    const state = confineToPreview(loaded, base, rules, this.#chosen);
    const { signatures } = base.config;
    const unsigned = await checkSignature(objects, commit, signatures, { commit: base.commit.id, rule: signatures }, loader.prefix);
    const { problems, outcomes } = await this.#synchroniser.preview(state, objects, []);
    const all = [...unsigned, ...problems].map(formatProblem);
    if (all.length === 0) this.#synchroniser.admit({ state, objects, messages: [], outcomes, startedMs });
    // What was refused is tried again with every look: the reason may have gone.
    return { head, key: all.length === 0 ? key : "", problems: all.slice(0, PROBLEMS_MAX), notices: state.notices };
  }
}

function notFound(error: unknown): undefined {
  if (!hasReason(error, "NotFound")) throw error;
  return undefined;
}

/** Whether an object is a preview's namespace. */
export function isPreviewNamespace(object: KubeObject): boolean {
  return object.kind === "Namespace" && object.metadata.labels?.[PREVIEW_LABEL] !== undefined;
}
