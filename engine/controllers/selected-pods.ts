import type { Indexer } from "../client/indexer.ts";
import type { Pod } from "../resources/types.ts";

const LABEL_INDEX = "namespace and label";

/** What is needed of an informer. */
export type IndexedPods = Pick<Indexer<Pod>, "addIndex" | "byIndex" | "countByIndex" | "list">;

/**
 * The pods of a namespace that have all these labels and pass the test. Only those are looked at that have the rarest of the labels: where a
 * namespace has hundreds of Services, each would otherwise go through the pods of all others.
 */
export function selectedPods(pods: IndexedPods): (namespace: string, labels: Readonly<Record<string, string>>, isSelected: (pod: Pod) => boolean) => Pod[] {
  pods.addIndex(LABEL_INDEX, ({ metadata: { namespace = "", labels } }) => labelEntries(namespace, labels));
  return (namespace, labels, isSelected) => {
    const [first, ...others] = labelEntries(namespace, labels);
    if (first === undefined) return pods.list(namespace).filter(isSelected);
    const count = (entry: string) => pods.countByIndex(LABEL_INDEX, entry);
    const rarest = others.reduce((least, entry) => (count(entry) < count(least) ? entry : least), first);
    return pods.byIndex(LABEL_INDEX, rarest).filter(isSelected);
  };
}

/** The entries of an index by namespace and label, of what has or asks for these. */
export function labelEntries(namespace: string, labels: Readonly<Record<string, string>> = {}): string[] {
  return Object.entries(labels).map(([key, value]) => `${namespace}/${key}=${value}`);
}
