import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { DesiredObject } from "../manifests/desired-state.ts";
import { versionOf } from "./drift.ts";

interface Known {
  readonly digest: string;
  readonly version: string;
  readonly revision: number;
  readonly isOwned: boolean;
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
 * ones remembered needs no look at all, so a sync costs what changed. Bounded by the repository: `keepOnly` after each commit.
 */
export class SyncMemory {
  readonly #known = new Map<string, Known>();
  readonly #dirty = new Set<string>();
  readonly #written = new Map<string, number>();

  /** Why an object must be looked at; undefined when it need not be. */
  reasonToLook(desired: DesiredObject): "commit" | "drift" | undefined {
    const known = this.#known.get(desired.identity);
    if (known?.digest !== desired.digest) return "commit";
    return this.#dirty.has(desired.identity) ? "drift" : undefined;
  }

  /** Called before looking, so that a change during the look is not lost. */
  looking(identity: string): void {
    this.#dirty.delete(identity);
  }

  mustLookAgain(identity: string): void {
    this.#dirty.add(identity);
  }

  /** The live object is as wanted. */
  settle(desired: Pick<DesiredObject, "identity" | "digest">, { live, isWritten, isOwned }: Settlement): void {
    const revision = Number(live.metadata.resourceVersion ?? 0);
    this.#known.set(desired.identity, { digest: desired.digest, version: versionOf(live, isOwned), revision, isOwned });
    if (isWritten) this.#written.set(desired.identity, revision);
  }

  /** A watch shows an object. Returns whether that means drift; what is older than what is known means nothing. */
  observe(identity: string, object: KubeObject, isGone: boolean): boolean {
    const known = this.#known.get(identity);
    if (known === undefined || Number(object.metadata.resourceVersion ?? 0) < known.revision) return false;
    if (!isGone && versionOf(object, known.isOwned) === known.version) return false;
    this.#dirty.add(identity);
    return true;
  }

  /** The revision of this process's own last write to an object. */
  writtenRevision(identity: string): number {
    return this.#written.get(identity) ?? 0;
  }

  /** Forgets an object that is no longer wanted, or is gone. */
  keepOnly(identities: { has(identity: string): boolean }): void {
    for (const map of [this.#known, this.#written]) for (const identity of [...map.keys()]) if (!identities.has(identity)) map.delete(identity);
    for (const identity of [...this.#dirty]) if (!identities.has(identity)) this.#dirty.delete(identity);
  }
}
