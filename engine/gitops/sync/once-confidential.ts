import type { DesiredObject, DesiredState } from "../manifests/desired-state.ts";
import { ofAllUnits, perUnit } from "../manifests/objects-by-unit.ts";
import type { Secrecy } from "../plan/plan-sync.ts";
import type { Application, InventoryEntry } from "../../resources/types.ts";
import { confidentialEntries } from "./inventory.ts";

/**
 * Objects that were once written in an encrypted file: their values are in the cluster, whatever became of the file. Known as long as the
 * repository has them, and as long as an inventory does: over a restart, and where they stay although they left the repository.
 */
export class OnceConfidential {
  readonly #identities = new Set<string>();

  /** The cluster may hold what this commit has in encrypted files. */
  keep({ objects }: DesiredState): void {
    for (const identity of ofAllUnits(objects, confidentialIn)) this.#identities.add(identity);
  }

  /** From now on the repository has these objects, and no others. */
  follow(state: DesiredState): void {
    this.keep(state);
    for (const identity of this.#identities) if (!state.objects.has(identity)) this.#identities.delete(identity);
  }

  /** What the plan of a commit must not show, beside what runs. */
  secrecyOf({ withheld }: DesiredState, runs: DesiredState | undefined, applications: readonly Application[]): Secrecy {
    const held = applications.map(({ status }) => confidentialEntries(status?.inventory ?? NOTHING)).filter(({ size }) => size > 0);
    return {
      wasConfidential: (identity) => this.#identities.has(identity) || held.some((entries) => entries.has(identity)),
      ...(withheld === undefined ? {} : { runs: runs?.objects ?? new Map<string, DesiredObject>() }),
    };
  }
}

const NOTHING: readonly InventoryEntry[] = [];
const confidentialIn = perUnit((objects) => objects.filter(({ isConfidential }) => isConfidential === true).map(({ identity }) => identity));
