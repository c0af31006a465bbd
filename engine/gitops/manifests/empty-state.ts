import type { CommitInfo } from "../git/git-source.ts";
import type { DesiredState } from "./desired-state.ts";
import { defaultRepositoryConfig } from "./repository-config.ts";

/** Of a commit that nothing can be read of, for a reason. */
export function emptyState(commit: CommitInfo, cluster: string, message: string): DesiredState {
  return {
    commit,
    config: defaultRepositoryConfig(cluster),
    units: [],
    objects: new Map(),
    problems: [{ file: ".", line: 1, message }],
    notices: [],
    substitutions: new Map(),
    encrypted: new Map(),
  };
}
