import { createHash } from "node:crypto";
import { MissingObject, type BranchState, type CommitInfo, type GitObjects, type GitSource, type GitStore, type NewCommit, type TreeEntry } from "../../engine/gitops/git/git-source.ts";
import { writeChangedTree } from "../../engine/gitops/git/git-tree.ts";
import type { Clock } from "../../engine/lib/clock.ts";

const BRANCH = "main";
const POLL_MS = 15_000;

/** A remote repository in memory: content-addressed as Git's, at once, and only reachable when it is said to be. */
export class MemoryGit {
  isReachable = true;
  readonly #clock: Clock;
  readonly #blobs = new Map<string, Buffer>();
  readonly #trees = new Map<string, readonly TreeEntry[]>();
  readonly #commits = new Map<string, CommitInfo>();
  readonly #refs = new Map<string, string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  tip(branch = BRANCH): string | undefined {
    return this.#refs.get(`refs/heads/${branch}`);
  }

  /** Puts exactly these files on the branch, as a person's push would. */
  async commit(files: Readonly<Record<string, string>>, message: string): Promise<string> {
    const store = this.#store(() => {});
    const tree = await writeChangedTree(store, undefined, new Map(Object.entries(files)));
    const parent = this.tip();
    const commit = await store.writeCommit({ tree, parents: parent === undefined ? [] : [parent], message, signature: { name: "Ada", email: "ada@example.org", time: this.#clock.now() } });
    this.#refs.set(`refs/heads/${BRANCH}`, commit);
    return commit;
  }

  async read(branch: string, file: string): Promise<string | undefined> {
    let id = this.tip(branch) === undefined ? undefined : this.#commits.get(this.tip(branch) ?? "")?.tree;
    for (const name of file.split("/")) id = id === undefined ? undefined : this.#trees.get(id)?.find((entry) => entry.name === name)?.id;
    return id === undefined ? undefined : this.#blobs.get(id)?.toString("utf8");
  }

  message(commit: string): string {
    return this.#commits.get(commit)?.message ?? "";
  }

  /** The repository as one engine sees it; `check` throws when that engine can do nothing any more. */
  source(check: () => void): GitSource {
    let last: string | undefined;
    const store = this.#store(check);
    return {
      url: "memory://cluster.git",
      branch: BRANCH,
      store,
      pollIntervalMs: POLL_MS,
      look: async (): Promise<BranchState> => {
        check();
        if (!this.isReachable) return { is: "unreachable", last, error: "the network is gone" };
        const tip = this.tip();
        if (tip === undefined) return last === undefined ? { is: "empty" } : { is: "deleted", last };
        last = tip;
        return { is: "at", commit: tip };
      },
    };
  }

  #store(check: () => void): GitStore {
    const reach = () => {
      check();
      if (!this.isReachable) throw new Error("the network is gone");
    };
    return {
      objects: this.#objects(check),
      writeBlob: async (content) => keep(this.#blobs, Buffer.from(content), (value) => `blob ${value.toString("base64")}`),
      writeTree: async (entries) =>
        keep(
          this.#trees,
          [...entries].sort((a, b) => (a.name < b.name ? -1 : 1)),
          (value) => `tree ${JSON.stringify(value)}`,
        ),
      writeCommit: async (commit: NewCommit) => {
        check();
        const { tree, parents, message, signature } = commit;
        const id = idOf(`commit ${JSON.stringify(commit)}`);
        this.#commits.set(id, { id, tree, parents, message, author: signature.name, time: signature.time });
        return id;
      },
      fetchRef: async (ref) => {
        reach();
        return this.#refs.get(ref);
      },
      pushRef: async (ref, from, to) => {
        reach();
        if (this.#refs.get(ref) !== from) return { is: "conflict", reason: "the ref has moved" };
        if (to === undefined) this.#refs.delete(ref);
        else this.#refs.set(ref, to);
        return { is: "pushed" };
      },
      listRefs: async (...prefixes) => {
        reach();
        return new Map([...this.#refs].filter(([ref]) => prefixes.some((prefix) => ref.startsWith(prefix))));
      },
      countCommits: async (id, max) => {
        let count = 0;
        for (let next: string | undefined = id; next !== undefined && count < max; next = this.#commits.get(next)?.parents[0]) count++;
        return count;
      },
    };
  }

  #objects(check: () => void): GitObjects {
    const find = <T>(from: ReadonlyMap<string, T>, id: string): T => {
      check();
      const found = from.get(id);
      if (found === undefined) throw new MissingObject(`object ${id} is missing`);
      return found;
    };
    return {
      commit: async (id) => find(this.#commits, id),
      tree: async (id) => find(this.#trees, id),
      blob: async (id) => find(this.#blobs, id),
    };
  }
}

function keep<T>(into: Map<string, T>, value: T, text: (value: T) => string): string {
  const id = idOf(text(value));
  into.set(id, value);
  return id;
}

function idOf(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}
