import type { GitStore, Signature } from "../git/git-source.ts";
import type { DeployFacts } from "./status-facts.ts";

const NOTES_REF = "refs/notes/mainstay";
const TRIES_MAX = 5;

/** What became of a commit, on the commit itself: `git log --notes=mainstay`. */
export interface CommitNote {
  readonly cluster: string;
  readonly result: string;
  /** The store's revisions that hold it. */
  readonly revisions: readonly number[];
  readonly healthyMs?: number;
  /** The report that tells of it. */
  readonly statusCommit: string;
}

/** The note that a deploy deserves once nothing about it will change; undefined before. */
export function computeNote(deploy: DeployFacts, cluster: string, statusCommit: string): CommitNote | undefined {
  if (deploy.result !== "rejected" && deploy.healthyMs === undefined && deploy.superseded !== true) return undefined;
  return {
    cluster,
    result: deploy.superseded === true ? "superseded" : deploy.result,
    revisions: deploy.revisions ?? [],
    ...(deploy.healthyMs === undefined ? {} : { healthyMs: deploy.healthyMs }),
    statusCommit,
  };
}

/** One line of JSON for each cluster that follows the repository; the others' lines stay. Returns false when others kept winning the race. */
export async function writeNote(store: GitStore, commit: string, note: CommitNote, signature: Signature): Promise<boolean> {
  for (let tries = 1; tries <= TRIES_MAX; tries++) {
    const tip = await store.fetchRef(NOTES_REF);
    const entries = tip === undefined ? [] : await store.objects.tree((await store.objects.commit(tip)).tree);
    // Git spreads notes over folders when there are very many; such a tree is its own business, and the flat name wins in it as well.
    const known = entries.find((entry) => entry.name === commit && entry.is === "file");
    const lines =
      known === undefined
        ? []
        : (await store.objects.blob(known.id))
            .toString("utf8")
            .split("\n")
            .filter((line) => line !== "");
    const others = lines.filter((line) => clusterOf(line) !== note.cluster);
    const content = `${[...others, JSON.stringify(note)].join("\n")}\n`;
    if (`${lines.join("\n")}\n` === content) return true;
    const id = await store.writeBlob(content);
    const tree = await store.writeTree([...entries.filter((entry) => entry.name !== commit), { name: commit, id, is: "file" }]);
    const written = await store.writeCommit({
      tree,
      parents: tip === undefined ? [] : [tip],
      message: `Notes of ${note.cluster} on ${commit.slice(0, 10)}\n`,
      signature,
    });
    if ((await store.pushRef(NOTES_REF, tip, written)).is === "pushed") return true;
  }
  return false;
}

function clusterOf(line: string): string {
  try {
    return String((JSON.parse(line) as { readonly cluster?: unknown }).cluster);
  } catch {
    return "";
  }
}
