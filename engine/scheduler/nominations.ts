import { withPod, type NodeInfo, type PodInfo } from "./node-info.ts";

/** Pods for which others were told to leave, and the node where: until they are there, nobody less important may take the room. */
export class Nominations {
  readonly #nominated = new Map<string, { readonly pod: PodInfo; readonly nodeName: string }>();

  set(pod: PodInfo, nodeName: string): void {
    this.#nominated.set(pod.key, { pod, nodeName });
  }

  /** The node it was for; undefined when there was none. */
  remove(key: string): string | undefined {
    const known = this.#nominated.get(key);
    this.#nominated.delete(key);
    return known?.nodeName;
  }

  nodeOf(key: string): string | undefined {
    return this.#nominated.get(key)?.nodeName;
  }

  /** Less important pods nominated for a node, which have to look elsewhere when that is taken from under them. */
  below(nodeName: string, priority: number): readonly PodInfo[] {
    return [...this.#nominated.values()].filter((entry) => entry.nodeName === nodeName && priorityOf(entry.pod) < priority).map(({ pod }) => pod);
  }

  /** The node as it will be when the pods that come before this one are there; undefined when there are none. */
  withReserved(pod: PodInfo, node: NodeInfo): NodeInfo | undefined {
    if (this.#nominated.size === 0) return undefined;
    const before = [...this.#nominated.values()].filter(
      (entry) => entry.nodeName === node.name && entry.pod.key !== pod.key && priorityOf(entry.pod) >= priorityOf(pod),
    );
    return before.length === 0 ? undefined : before.reduce((info, entry) => withPod(info, entry.pod), node);
  }
}

export function priorityOf({ pod }: PodInfo): number {
  return pod.spec.priority ?? 0;
}
