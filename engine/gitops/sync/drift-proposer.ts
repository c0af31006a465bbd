import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { Clock } from "../../lib/clock.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import { formatMessage } from "../git/commit-message.ts";
import type { GitSource } from "../git/git-source.ts";
import { readFileOf, writeChangedTree } from "../git/git-tree.ts";
import { describeDesired, type DesiredObject, type DesiredState } from "../manifests/desired-state.ts";
import { editManifest, valueByNames } from "../manifests/edit-manifest.ts";
import { fieldPlace } from "../manifests/field-place.ts";
import { formatFieldChange, isBookkeeping, type FieldChange } from "../plan/field-diff.ts";
import { UNKNOWN_WRITERS, writerOf, writtenName, type DriftWriters } from "./drift.ts";

/** A change that someone made in the cluster and that Git may take over. `changes` lead from the live object to what Git wants. */
export interface Drifted {
  readonly desired: DesiredObject;
  readonly live: KubeObject;
  readonly changes: readonly FieldChange[];
}

/** Turns changes made in the cluster into a branch with one commit on top of what runs, so that a person decides about them. */
export class DriftProposer {
  readonly #source: GitSource;
  readonly #clock: Clock;
  readonly #writers: DriftWriters;

  constructor(source: GitSource, clock: Clock, writers: DriftWriters = UNKNOWN_WRITERS) {
    this.#writers = writers;
    this.#source = source;
    this.#clock = clock;
  }

  /** Of every application whose policy it is. What fails is logged: the change stays where it is, and is shown. */
  async proposeAll(drifted: readonly Drifted[], state: DesiredState, logger: Logger): Promise<void> {
    for (const [unit, changed] of Map.groupBy(drifted, ({ desired }) => desired.unit)) {
      if (state.units.find(({ name }) => name === unit)?.drift !== "propose") continue;
      try {
        const branch = await this.propose(unit, changed, state);
        if (branch !== undefined) logger.info("drift proposed", { unit, branch });
      } catch (error) {
        logger.warn("drift not proposed", { unit, error: describeError(error) });
      }
    }
  }

  /** Returns the branch; undefined when nothing of it can be written, as for objects that were rendered from several files. */
  async propose(unit: string, drifted: readonly Drifted[], state: DesiredState): Promise<string | undefined> {
    const { store } = this.#source;
    const files = new Map<string, string>();
    const told: string[] = [];
    for (const { desired, live, changes } of drifted) {
      // Rendered and encrypted manifests have no single line to edit.
      if (desired.locate !== undefined || desired.isConfidential === true || desired.object.kind === "Secret") continue;
      const before = files.get(desired.file) ?? (await readFileOf(store.objects, state.commit.tree, desired.file))?.toString("utf8");
      if (before === undefined) continue;
      const shown = changes.filter((change) => !isBookkeeping(change));
      files.set(
        desired.file,
        shown.reduce(
          (text, change) => editManifest(text, desired.place.document, desired.place.prefix, change.steps, valueByNames(live, change.steps)),
          before,
        ),
      );
      const first = shown[0];
      const { line } = first === undefined ? desired : await fieldPlace(store.objects, desired, first.steps);
      told.push(
        `- ${desired.file}:${line} ${describeDesired(desired)}: ${shown.map((change) => formatFieldChange({ ...change, from: change.to, to: change.from })).join(", ")} (by ${writerOf(live, changes, this.#writers.of(writtenName(desired)))})`,
      );
    }
    if (told.length === 0) return undefined;
    const branch = `mainstay/drift/${unit}`;
    const ref = `refs/heads/${branch}`;
    const tree = await writeChangedTree(store, state.commit.tree, files);
    if (tree === state.commit.tree) return undefined;
    const tip = await store.fetchRef(ref);
    const last = tip === undefined ? undefined : await store.objects.commit(tip);
    if (last?.tree === tree) return branch;
    const commit = await store.writeCommit({
      tree,
      parents: [state.commit.id],
      message: formatMessage(`Keep what was changed in ${unit}`, told.join("\n"), [{ key: "Mainstay-Proposal", value: unit }]),
      signature: { name: "Mainstay", email: "mainstay@localhost.invalid", time: this.#clock.now() },
    });
    await store.pushRef(ref, tip, commit);
    return branch;
  }
}
