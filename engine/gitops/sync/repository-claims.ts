import type { Application } from "../../resources/types.ts";
import { describeDesired, PREVIEW_LABEL, REPOSITORY_LABEL, type DesiredState } from "../manifests/desired-state.ts";
import type { Problem } from "../manifests/problem.ts";
import { ownedEntries } from "./inventory.ts";

/** The cluster's own repository has no name among its sources. */
export const OWN_REPOSITORY = "";

/** One repository as the others see it. */
export interface Claim {
  readonly repository: string;
  /** What its running commit wants; undefined as long as that is not known, as right after a start. */
  readonly wanted: ReadonlyMap<string, { readonly unit: string; readonly file: string; readonly line: number }> | undefined;
  /** What its Applications hold: identity to Application. Counts only while nothing is known to be wanted: what it has let go may be taken over. */
  readonly held: ReadonlyMap<string, string>;
}

/** What the repositories of a cluster want, so that none takes what another one holds: they would undo each other for ever. */
export class RepositoryClaims {
  readonly #applications: () => readonly Application[];
  readonly #states = new Map<string, () => DesiredState | undefined>();

  /** `applications`: all of the cluster, as far as they are known. */
  constructor(applications: () => readonly Application[]) {
    this.#applications = applications;
  }

  /** Returns the function that takes the repository out. */
  enter(repository: string, state: () => DesiredState | undefined): () => void {
    this.#states.set(repository, state);
    return () => {
      if (this.#states.get(repository) === state) this.#states.delete(repository);
    };
  }

  /** What speaks against a commit for the sake of the other repositories. */
  findForeign(repository: string, state: DesiredState): readonly Problem[] {
    const held = Map.groupBy(this.#ofRepositories(), repositoryOf);
    const others = [...new Set([...held.keys(), ...this.#states.keys()])].filter(
      (name) => name !== repository && !(repository === OWN_REPOSITORY && isAbandoned(name, state)),
    );
    if (others.length === 0) return [];
    return findForeignObjects(
      state,
      others.map((name) => ({
        repository: name,
        wanted: this.#states.get(name)?.()?.objects,
        held: new Map(ownedEntries(held.get(name) ?? []).map(({ identity, unit }) => [identity, unit])),
      })),
    );
  }

  /** Applications of sources that the commit of the cluster's own repository does not name: what they hold is its to take away. */
  findAbandoned(state: DesiredState): readonly Application[] {
    return this.#ofRepositories().filter((application) => isAbandoned(repositoryOf(application), state));
  }

  #ofRepositories(): readonly Application[] {
    return this.#applications().filter((application) => application.metadata.labels?.[PREVIEW_LABEL] === undefined);
  }
}

function isAbandoned(repository: string, { config }: DesiredState): boolean {
  return repository !== OWN_REPOSITORY && !config.sources.some(({ name }) => name === repository);
}

/** Of which repository an Application is. */
export function repositoryOf({ metadata }: Pick<Application, "metadata">): string {
  return metadata.labels?.[REPOSITORY_LABEL] ?? OWN_REPOSITORY;
}

/** Objects of a commit that another repository has. Pure. */
export function findForeignObjects(state: Pick<DesiredState, "objects">, others: readonly Claim[]): readonly Problem[] {
  const problems: Problem[] = [];
  for (const { repository, wanted, held } of others) {
    const theirs: ReadonlyMap<string, unknown> = wanted ?? held;
    // One of the two is often small.
    for (const identity of theirs.size < state.objects.size ? theirs.keys() : state.objects.keys()) {
      const desired = state.objects.get(identity);
      const there = wanted?.get(identity);
      const unit = wanted === undefined ? held.get(identity) : there?.unit;
      if (unit === undefined || desired === undefined) continue;
      const place = there === undefined ? "" : ` (${there.file}:${there.line})`;
      const whose = repository === OWN_REPOSITORY ? "the cluster's own repository" : `repository ${repository}`;
      problems.push({
        file: desired.file,
        line: desired.line,
        message: `${describeDesired(desired)} belongs to application ${unit} of ${whose}${place}; take it out there first, with the annotation mainstay.dev/prune: disabled if it shall stay meanwhile`,
      });
    }
  }
  return problems;
}
