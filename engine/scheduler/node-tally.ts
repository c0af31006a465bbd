import type { NodeInfo } from "./node-info.ts";

/**
 * What the nodes of a snapshot come to together, kept up from one look to the next: only nodes that have changed in between are asked anew.
 * Any list may follow any other; the more of its places hold the same values, the less it costs.
 */
export class NodeTally<Share> {
  readonly #shareOf: (node: NodeInfo) => Share | undefined;
  readonly #add: (share: Share, sign: 1 | -1) => void;
  /** Of what was counted, by its place in the list. The values themselves would keep pods in memory that are long gone. */
  readonly #versions: number[] = [];
  readonly #shares: (Share | undefined)[] = [];

  /** `shareOf` says what a node adds, undefined for nothing; `add` counts it, or with -1 takes it back. */
  constructor(shareOf: (node: NodeInfo) => Share | undefined, add: (share: Share, sign: 1 | -1) => void) {
    this.#shareOf = shareOf;
    this.#add = add;
  }

  update(nodes: readonly NodeInfo[]): void {
    const versions = this.#versions;
    // Where nodes have gone, others have moved up.
    const moved = nodes.length < versions.length ? new Map(versions.map((version, index) => [version, this.#shares[index]])) : undefined;
    for (let index = 0; index < nodes.length; index++) {
      const node = nodes[index] as NodeInfo; // the index is within bounds
      if (versions[index] === node.version) continue;
      this.#replace(index, moved?.has(node.version) === true ? moved.get(node.version) : this.#shareOf(node));
      versions[index] = node.version;
    }
    for (let index = nodes.length; index < versions.length; index++) this.#replace(index, undefined);
    versions.length = nodes.length;
    this.#shares.length = nodes.length;
  }

  #replace(index: number, share: Share | undefined): void {
    const before = this.#shares[index];
    if (before === share) return;
    if (before !== undefined) this.#add(before, -1);
    if (share !== undefined) this.#add(share, 1);
    this.#shares[index] = share;
  }
}

/** Adds to a count, which is there only while it is not 0. */
export function addCount<K>(counts: Map<K, number>, key: K, amount: number): void {
  const sum = (counts.get(key) ?? 0) + amount;
  if (sum === 0) counts.delete(key);
  else counts.set(key, sum);
}
