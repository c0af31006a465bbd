import type { DesiredObject, DesiredState } from "../manifests/desired-state.ts";
import { ofAllUnits, perUnit } from "../manifests/objects-by-unit.ts";
import type { Secrecy } from "../plan/plan-sync.ts";

/** Objects that were once written in an encrypted file, as long as the repository has them: their values are in the cluster, whatever became of the file. */
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
  secrecyOf({ withheld }: DesiredState, runs: DesiredState | undefined): Secrecy {
    return {
      wasConfidential: (identity) => this.#identities.has(identity),
      ...(withheld === undefined ? {} : { runs: runs?.objects ?? new Map<string, DesiredObject>() }),
    };
  }
}

const confidentialIn = perUnit((objects) => objects.filter(({ isConfidential }) => isConfidential === true).map(({ identity }) => identity));
