import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { DesiredObject } from "../manifests/desired-state.ts";
import { changedUnits, objectsByUnit, type ObjectsByUnit, type UnitObjects } from "../manifests/objects-by-unit.ts";
import { versionOf } from "./drift.ts";

interface Known {
  readonly digest: string;
  readonly version: string;
  readonly revision: number;
  readonly isOwned: boolean;
}

type Wanted = Pick<DesiredObject, "identity" | "digest">;

/** An object to look at: the commit wants it otherwise, or someone may have changed it. */
export interface Look {
  readonly desired: DesiredObject;
  readonly cause: "commit" | "drift";
}

/** How an object was found to be as wanted. */
export interface Settlement {
  readonly live: KubeObject;
  /** This process just wrote it. */
  readonly isWritten: boolean;
  /** Every field that is wanted is ours. */
  readonly isOwned: boolean;
}

/**
 * Which objects were last found as the repository wants them, and in which form. An object whose intent and live form are both the
 * ones remembered needs no look at all, and a unit of which that holds is not even gone through: a sync costs what changed. Bounded by
 * the repository: `follow` with each commit.
 */
export class SyncMemory {
  readonly #known = new Map<string, Known>();
  /** Objects that may not be as wanted, with the moment at which that was noticed: only a look that began later can say otherwise. */
  readonly #dirty = new Map<string, number>();
  readonly #looks = new Map<string, number>();
  #moment = 0;
  readonly #written = new Map<string, number>();
  /** Units all of whose objects were once found as wanted: of those, only the dirty ones count. */
  readonly #settled = new Map<string, UnitObjects>();
  /** What was last seen of objects of which nothing is known yet: their change must not be lost while they are written. */
  readonly #seen = new Map<string, { readonly revision: number; readonly isGone: boolean }>();
  #objects: ReadonlyMap<string, DesiredObject> = new Map();
  #lists: ObjectsByUnit = new Map();

  /**
   * Everything that must be looked at, and why. `asWanted` is the form in which an object is compared; `isPlain`: it is the object itself,
   * for all of a unit.
   */
  toLook(objects: ReadonlyMap<string, DesiredObject>, asWanted: (desired: DesiredObject) => Wanted, isPlain: (unit: string) => boolean): readonly Look[] {
    const looks: Look[] = [];
    const passed = new Set<string>();
    for (const [unit, list] of objectsByUnit(objects)) {
      if (isPlain(unit) && this.#settled.get(unit) === list) {
        passed.add(unit);
        continue;
      }
      const causes = list.map((desired) => this.reasonToLook(asWanted(desired)));
      for (const [index, desired] of list.entries()) if (causes[index] !== undefined) looks.push({ desired, cause: causes[index] });
      if (isPlain(unit) && !causes.includes("commit")) this.#settled.set(unit, list);
    }
    for (const identity of this.#dirty.keys()) {
      const desired = objects.get(identity);
      if (desired !== undefined && passed.has(desired.unit)) looks.push({ desired, cause: "drift" });
    }
    return looks;
  }

  /** Why an object must be looked at; undefined when it need not be. */
  reasonToLook(desired: Wanted): "commit" | "drift" | undefined {
    const known = this.#known.get(desired.identity);
    if (known?.digest !== desired.digest) return "commit";
    return this.#dirty.has(desired.identity) ? "drift" : undefined;
  }

  /** Called before looking: a change during the look is not lost, nor is what was not seen to the end. */
  looking(identity: string): void {
    this.#looks.set(identity, ++this.#moment);
  }

  mustLookAgain(identity: string): void {
    this.#dirty.set(identity, ++this.#moment);
  }

  /** The live object is as wanted. Returns whether it is another one since: then it must be looked at again. */
  settle(desired: Wanted, { live, isWritten, isOwned }: Settlement): boolean {
    const wanted = this.#objects.get(desired.identity);
    // A newer commit may have taken it away while it was written.
    if (wanted === undefined) return false;
    if (this.#known.get(desired.identity)?.digest !== desired.digest) this.#settled.delete(wanted.unit);
    const revision = Number(live.metadata.resourceVersion ?? 0);
    this.#known.set(desired.identity, { digest: desired.digest, version: versionOf(live, isOwned), revision, isOwned });
    if ((this.#dirty.get(desired.identity) ?? Infinity) < (this.#looks.get(desired.identity) ?? 0)) this.#dirty.delete(desired.identity);
    this.#looks.delete(desired.identity);
    if (isWritten) this.#written.set(desired.identity, revision);
    const seen = this.#seen.get(desired.identity);
    this.#seen.delete(desired.identity);
    if (seen === undefined || seen.revision < revision || (seen.revision === revision && !seen.isGone)) return false;
    this.mustLookAgain(desired.identity);
    return true;
  }

  /** A watch shows an object. Returns whether that means drift; what is older than what is known means nothing. */
  observe(identity: string, object: KubeObject, isGone: boolean): boolean {
    const known = this.#known.get(identity);
    const revision = Number(object.metadata.resourceVersion ?? 0);
    if (known === undefined && this.#objects.has(identity)) this.#seen.set(identity, { revision, isGone });
    if (known === undefined || revision < known.revision) return false;
    if (!isGone && versionOf(object, known.isOwned) === known.version) return false;
    this.mustLookAgain(identity);
    return true;
  }

  /** The revision of this process's own last write to an object. */
  writtenRevision(identity: string): number {
    return this.#written.get(identity) ?? 0;
  }

  /** From now on these objects are wanted, and no others. Returns the units that are not what they were. */
  follow(objects: ReadonlyMap<string, DesiredObject>): ReadonlySet<string> {
    const [before, now] = [this.#lists, objectsByUnit(objects)];
    const changed = changedUnits(before, now);
    for (const unit of changed) {
      for (const { identity } of before.get(unit) ?? []) {
        if (objects.has(identity)) continue;
        this.#settled.delete(unit);
        this.#known.delete(identity);
        this.#written.delete(identity);
        this.#dirty.delete(identity);
        this.#seen.delete(identity);
        this.#looks.delete(identity);
      }
      if (!now.has(unit)) this.#settled.delete(unit);
    }
    this.#objects = objects;
    this.#lists = now;
    return changed;
  }
}
