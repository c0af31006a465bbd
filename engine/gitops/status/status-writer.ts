import { MissingObject, type GitStore, type Signature } from "../git/git-source.ts";
import { readFileOf, writeChangedTree } from "../git/git-tree.ts";
import { BrokenObject } from "../git/stored-object.ts";
import { formatTime } from "../../lib/clock.ts";
import { PAST_FOLDERS } from "./status-report.ts";

/** A rejected push is repeated on the new tip this often, then left to the next report. */
const TRIES_MAX = 5;
const ARCHIVE_DAYS = 90;
const DAY_MS = 86_400_000;

export interface StatusWriterOptions {
  readonly store: GitStore;
  readonly cluster: string;
  /** Without `refs/heads/`. */
  readonly branch: string;
  readonly keepCommits: number;
}

export interface StatusCommit {
  readonly files: ReadonlyMap<string, string>;
  readonly message: string;
  readonly signature: Signature;
}

export type WriteResult =
  | { readonly is: "written"; readonly commit: string; readonly tries: number }
  /** The branch says the same already. */
  | { readonly is: "unchanged" };

/**
 * Puts reports on the status branch: a tree made from object ids without a work tree, a commit on the newest tip, a compare-and-swap push.
 * What someone else put on the branch stays in its history; the content is what the cluster says.
 */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  /** The last report written and the commit that holds it: only what differs from it is written. */
  #last: { readonly files: ReadonlyMap<string, string>; readonly commit: string } | undefined;
  #count: number | undefined;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  get branch(): string {
    return this.#options.branch;
  }

  /** A file as it is on the branch now; undefined when there is none. What a restart goes on from. */
  async read(path: string): Promise<string | undefined> {
    const { store } = this.#options;
    const tip = await store.fetchRef(this.#ref);
    if (tip === undefined) return undefined;
    const content = await readFileOf(store.objects, (await store.objects.commit(tip)).tree, path);
    return content?.toString("utf8");
  }

  /** Rejects when the repository cannot be reached, or when others keep winning the race. */
  async write(report: StatusCommit): Promise<WriteResult> {
    const { store, keepCommits } = this.#options;
    let reason = "";
    for (let tries = 1; tries <= TRIES_MAX; tries++) {
      const tip = await store.fetchRef(this.#ref);
      const written = tip === undefined ? undefined : await this.#writeOn(tip, report.files);
      const tree = written?.tree ?? (await writeChangedTree(store, undefined, report.files));
      if (tree === written?.base) {
        this.#last = tip === undefined ? undefined : { files: report.files, commit: tip };
        return { is: "unchanged" };
      }
      this.#count ??= 0;
      // A history of which something is lost can neither be cloned nor packed: it ends here.
      const isLost = tip !== undefined && written === undefined;
      const isCut = tip !== undefined && (isLost || this.#count >= keepCommits);
      if (isCut && !isLost) await this.#archive(tip, report.signature.time);
      const commit = await store.writeCommit({ tree, parents: tip === undefined || isCut ? [] : [tip], message: report.message, signature: report.signature });
      const pushed = await store.pushRef(this.#ref, tip, commit);
      if (pushed.is === "pushed") {
        this.#last = { files: report.files, commit };
        this.#count = isCut ? 1 : this.#count + 1;
        return { is: "written", commit, tries };
      }
      reason = pushed.reason;
      this.#count = undefined;
    }
    throw new Error(`write ${this.#options.branch}: it moved ${TRIES_MAX} times in a row`, { cause: new Error(reason) });
  }

  get #ref(): string {
    return `refs/heads/${this.#options.branch}`;
  }

  /** The tree that follows that of the tip; undefined where something of the tip is lost. */
  async #writeOn(tip: string, files: ReadonlyMap<string, string>): Promise<{ readonly base: string; readonly tree: string } | undefined> {
    const { store, keepCommits } = this.#options;
    try {
      const base = (await store.objects.commit(tip)).tree;
      this.#count ??= await store.countCommits(tip, keepCommits + 1);
      return { base, tree: await this.#writeTree(files, tip, base) };
    } catch (error) {
      if (!(error instanceof MissingObject || error instanceof BrokenObject)) throw error;
      return undefined;
    }
  }

  /** On our own last commit, the difference to it; on anything else, everything but the pages of the past is made anew. */
  async #writeTree(files: ReadonlyMap<string, string>, tip: string, base: string): Promise<string> {
    const { store } = this.#options;
    const known = this.#last?.commit === tip ? this.#last.files : undefined;
    if (known === undefined) {
      const past = (await store.objects.tree(base)).filter((entry) => entry.is === "directory" && PAST_FOLDERS.includes(entry.name));
      return writeChangedTree(store, await store.writeTree(past), files);
    }
    const gone = [...known.keys()].filter((path) => !files.has(path) && !PAST_FOLDERS.includes(path.split("/")[0] ?? ""));
    return writeChangedTree(
      store,
      base,
      new Map<string, string | undefined>([
        ...gone.map((path) => [path, undefined] as const),
        ...[...files].filter(([path, content]) => known.get(path) !== content),
      ]),
    );
  }

  /** Keeps the history that is cut off for a while, and drops what was kept long enough. */
  async #archive(tip: string, now: number): Promise<void> {
    const { store, cluster } = this.#options;
    const prefix = `refs/mainstay/archive/status/${cluster}/`;
    const archives = await store.listRefs(prefix);
    const name = `${prefix}${formatTime(now).slice(0, 10)}`;
    await store.pushRef(name, archives.get(name), tip);
    for (const [ref, commit] of archives) {
      const day = Date.parse(`${ref.slice(prefix.length)}T00:00:00Z`);
      if (ref !== name && now - day > ARCHIVE_DAYS * DAY_MS) await store.pushRef(ref, commit, undefined);
    }
  }
}
