import type { Storage, StorageEvent } from "../../engine/storage/storage.ts";
import { contentOf, NAMESPACE, wantedObjects, type SimRepository, type StoredForm } from "./git-model.ts";

export interface SimCommit {
  readonly id: string;
  readonly repository: SimRepository;
  /** Whether it may be applied. */
  readonly verdict: "good" | "bad";
}

interface Mirrored {
  readonly content: string;
  readonly uid: string;
}

const TRACKED: ReadonlySet<string> = new Set(["configmaps", "deployments", "services"]);
/** Made by the system itself. */
const FOREIGN: ReadonlySet<string> = new Set(["ConfigMap/kube-root-ca.crt", "Service/kubernetes"]);

/**
 * Follows the store revision by revision and holds each against the commits that were pushed: what is there is what some admitted commit
 * says, whole; never an older one than before; and nothing is deleted that no inventory held.
 */
export class GitMirror {
  readonly breaches: string[] = [];
  readonly #isOrdered: boolean;
  readonly #commits: SimCommit[] = [];
  readonly #wanted: ReadonlyMap<string, string>[] = [];
  readonly #objects = new Map<string, Mirrored>();
  readonly #inventories = new Map<string, ReadonlySet<string>>();
  /** Objects that someone else may have changed since Git wrote them last, with how many such changes are under way. */
  readonly #disturbed = new Map<string, number>();
  readonly #byHand = new Map<string, string>();
  /** The oldest commit that what is there may be of, by the part of the repository that is applied as one. */
  readonly #floors = new Map<string, number>();

  constructor(isOrdered: boolean) {
    this.#isOrdered = isOrdered;
  }

  get commits(): readonly SimCommit[] {
    return this.#commits;
  }

  pushed(commit: SimCommit): void {
    this.#commits.push(commit);
    this.#wanted.push(wantedObjects(commit.repository));
  }

  /** Someone is about to change an object: it may differ from Git until that is over and Git has put it back. Returns what to call when it is over. */
  disturb(key: string): () => void {
    const change = (by: number) => this.#disturbed.set(key, (this.#disturbed.get(key) ?? 0) + by);
    change(1);
    return () => void change(-1);
  }

  /** Someone made an object of his own, which nobody else may touch. */
  madeByHand(key: string, content: string): void {
    this.#byHand.set(key, content);
  }

  contentOf(key: string): string | undefined {
    return this.#objects.get(key)?.content;
  }

  inventory(unit: string): ReadonlySet<string> | undefined {
    return this.#inventories.get(unit);
  }

  get units(): readonly string[] {
    return [...this.#inventories.keys()];
  }

  /** All objects, but for those that the system or people made. */
  objects(): ReadonlyMap<string, string> {
    return new Map([...this.#objects].filter(([key]) => !this.#byHand.has(key)).map(([key, { content }]) => [key, content]));
  }

  async follow(storage: Storage, signal: AbortSignal): Promise<void> {
    for await (const { events } of storage.watch("/registry/", 0, signal)) {
      for (const [revision, ofRevision] of Map.groupBy(events, revisionOf)) this.#take(revision, ofRevision);
    }
  }

  #take(revision: number, events: readonly StorageEvent[]): void {
    const touched: string[] = [];
    for (const event of events) {
      const kind = (event.type === "put" ? event.entry.key : event.key).split("/")[3] ?? "";
      if (kind !== "applications" && !TRACKED.has(kind)) continue;
      const value = event.type === "put" ? event.entry.value : event.previous.value;
      const object = JSON.parse(value.toString("utf8")) as StoredForm; // what the engine stores has its kind's form
      if (kind === "applications") this.#takeInventory(object, event.type === "delete");
      else if (object.metadata.namespace === NAMESPACE && !FOREIGN.has(keyOf(object))) {
        touched.push(keyOf(object));
        this.#takeObject(revision, object, event.type === "delete");
      }
    }
    if (touched.length > 0) this.#compare(revision, touched);
  }

  #takeInventory(object: StoredForm, isGone: boolean): void {
    const { status } = object as StoredForm & { readonly status?: { readonly inventory?: readonly { readonly kind: string; readonly name: string }[] } };
    if (isGone) this.#inventories.delete(object.metadata.name);
    else this.#inventories.set(object.metadata.name, new Set((status?.inventory ?? []).map(({ kind, name }) => `${kind}/${name}`)));
  }

  #takeObject(revision: number, object: StoredForm, isGone: boolean): void {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    const mine = this.#byHand.get(key);
    if (mine !== undefined && (isGone || contentOf(object) !== mine)) this.breaches.push(`revision ${revision}: ${key} was made by hand and is ${isGone ? "gone" : contentOf(object)}`);
    if (isGone) {
      this.#objects.delete(key);
      const isHeld = [...this.#inventories.values()].some((inventory) => inventory.has(key));
      if (!isHeld && !this.#disturbed.has(key)) this.breaches.push(`revision ${revision}: ${key} was deleted, and no inventory held it`);
      return;
    }
    const uid = object.metadata.uid ?? "";
    if (before !== undefined && before.uid !== uid && !this.#disturbed.has(key)) this.breaches.push(`revision ${revision}: ${key} was made anew`);
    this.#objects.set(key, { content: contentOf(object), uid });
  }

  /** Without an order among objects, all are of one commit; with one, each is of some commit, and goes forward. */
  #compare(revision: number, touched: readonly string[]): void {
    if (!this.#isOrdered) return this.#compareGroup(revision, "everything", undefined);
    for (const key of touched) this.#compareGroup(revision, key, [key]);
  }

  #compareGroup(revision: number, group: string, only: readonly string[] | undefined): void {
    const floor = this.#floors.get(group) ?? -1;
    for (let index = floor; index < this.#commits.length; index++) {
      if (index >= 0 && this.#commits[index]?.verdict === "bad") continue;
      const wanted = this.#wanted[index] ?? new Map<string, string>();
      const keys = only ?? [...new Set([...wanted.keys(), ...this.objects().keys()])];
      if (keys.some((key) => !this.#byHand.has(key) && !this.#disturbed.has(key) && this.contentOf(key) !== wanted.get(key))) continue;
      this.#floors.set(group, index);
      // What was disturbed and is as it should be again is Git's.
      for (const key of keys) if (this.contentOf(key) === wanted.get(key) && this.#disturbed.get(key) === 0) this.#disturbed.delete(key);
      return;
    }
    const [last] = this.#wanted.slice(-1);
    const differing = (only ?? [...new Set([...(last?.keys() ?? []), ...this.objects().keys()])])
      .filter((key) => this.contentOf(key) !== last?.get(key))
      .map((key) => `${key} is ${this.contentOf(key)}, the newest says ${last?.get(key)}${this.#disturbed.has(key) ? " (disturbed)" : ""}`);
    this.breaches.push(`revision ${revision}: what is there is no commit since number ${floor}: ${differing.join("; ")}`);
    this.#floors.set(group, Math.max(floor, 0));
  }
}

function revisionOf(event: StorageEvent): number {
  return event.type === "put" ? event.entry.modRevision : event.revision;
}

function keyOf({ kind, metadata }: StoredForm): string {
  return `${kind}/${metadata.name}`;
}
