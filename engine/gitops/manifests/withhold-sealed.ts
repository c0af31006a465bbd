import { stillHolds, type RepositoryFiles } from "../kustomize/repository-files.ts";
import type { EncryptedInput } from "./assemble-unit.ts";
import type { DesiredObject, DesiredState } from "./desired-state.ts";
import { contentDigest } from "./name-hooks.ts";
import { objectsByUnit, type UnitObjects } from "./objects-by-unit.ts";

/** A commit with its files, by path. */
export interface CommitFiles {
  readonly state: DesiredState;
  readonly files: RepositoryFiles;
}

/**
 * A commit that was read without opening encrypted files, as it may be planned: what only these files can tell is neither compared nor
 * taken for gone, and each of them that is not the one that runs is named in a notice, with `remedy`. Nothing that `base` holds in
 * secret is told.
 */
export async function withholdSealed({ state, files }: CommitFiles, base: CommitFiles | undefined, remedy: string): Promise<DesiredState> {
  const runs = base === undefined ? new Map<string, UnitObjects>() : objectsByUnit(base.state.objects);
  const changed = await changedInputs([...state.encrypted.values()].flat(), files, base?.files);
  const objects = new Map(state.objects);
  const withheld = new Set<string>();
  for (const [unit, inputs] of state.encrypted) {
    const own = objectsByUnit(state.objects).get(unit) ?? [];
    for (const { identity, isConfidential } of own) if (isConfidential === true) withheld.add(identity);
    if (!inputs.some(({ file }) => changed.has(file))) keepHooks(own, runs.get(unit) ?? [], objects);
    const opened = new Set(inputs.map(({ file }) => file));
    const isUnbuilt = inputs.some(({ unbuilt }) => unbuilt !== undefined);
    for (const desired of runs.get(unit) ?? []) {
      if (objects.has(desired.identity) || !(isUnbuilt || (desired.isConfidential === true && opened.has(desired.file)))) continue;
      objects.set(desired.identity, desired);
      withheld.add(desired.identity);
    }
  }
  const notices = [...changed]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([file, { unbuilt }]) =>
        `${file}: is encrypted and was not opened for this plan, so ${unbuilt === undefined ? "what it changes is not shown" : "nothing is shown of the folder that is built with it"}; ${remedy}`,
    );
  return { ...state, objects, withheld, notices: [...notices, ...state.notices] };
}

/** Encrypted files that are other ones than in what runs, or without which a folder cannot be built that is another one. */
async function changedInputs(
  inputs: readonly EncryptedInput[],
  files: RepositoryFiles,
  base: RepositoryFiles | undefined,
): Promise<ReadonlyMap<string, EncryptedInput>> {
  const changed = new Map<string, EncryptedInput>();
  for (const input of inputs) {
    const { file, unbuilt } = input;
    const before = await base?.look(file);
    const isSame =
      base !== undefined && before !== undefined && before.id === (await files.look(file))?.id && (unbuilt === undefined || (await stillHolds(base, unbuilt)));
    if (!isSame && (changed.get(file)?.unbuilt === undefined || unbuilt !== undefined)) changed.set(file, input);
  }
  return changed;
}

/** A hook is called after what its unit holds, and what is encrypted is part of it: where nothing of the unit changes, it is the one that has run. */
function keepHooks(own: UnitObjects, runs: UnitObjects, objects: Map<string, DesiredObject>): void {
  const isPlain = (desired: DesiredObject) => desired.hookName === undefined && desired.isConfidential !== true;
  const plainOf = (list: UnitObjects) =>
    list
      .filter(isPlain)
      .map((desired) => `${desired.identity} ${contentDigest(desired.object)}`)
      .sort()
      .join("\n");
  const hooks = own.filter(({ hookName }) => hookName !== undefined);
  if (hooks.length === 0 || plainOf(own) !== plainOf(runs)) return;
  for (const hook of hooks) {
    const same = runs.find(
      (desired) =>
        desired.hookName === hook.hookName &&
        desired.order.phase === hook.order.phase &&
        desired.object.metadata.namespace === hook.object.metadata.namespace &&
        contentWithoutName(desired) === contentWithoutName(hook),
    );
    if (same === undefined) continue;
    objects.delete(hook.identity);
    objects.set(same.identity, same);
  }
}

function contentWithoutName({ object }: DesiredObject): string {
  const { name: _name, ...metadata } = object.metadata;
  return contentDigest({ ...object, metadata });
}
