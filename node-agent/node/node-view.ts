import type { Node } from "../../engine/resources/types.ts";

/** This machine's Node as the API confirmed it last; undefined before it has. */
export class NodeView {
  #node: Node | undefined;

  get current(): Node | undefined {
    return this.#node;
  }

  /** Whether it is another object than before: the first one, or one that was made anew. */
  see(node: Node): boolean {
    const isAnother = this.#node?.metadata.uid !== node.metadata.uid;
    this.#node = node;
    return isAnother;
  }
}
