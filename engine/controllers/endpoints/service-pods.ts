import { isConditionTrue } from "../../apimachinery/conditions.ts";
import { objectKey } from "../../apimachinery/object-meta.ts";
import { labelSelectorPredicate } from "../../apimachinery/selectors.ts";
import type { Indexer } from "../../client/indexer.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { Pod, Service } from "../../resources/types.ts";
import { isPodFinished } from "../pods.ts";
import { labelEntries, selectedPods, type IndexedPods } from "../selected-pods.ts";

const REST_MAX_MS = 1_000;
/** Where there are fewer pods and nodes together, a Service is looked at as soon as something changes. */
const RESTLESS_MAX = 100;

/** The index of Services by their namespace and the first label that they ask for. */
const SELECTOR_INDEX = "namespace and first label of selector";

/** What is needed of an informer. */
type IndexedServices = Pick<Indexer<Service>, "addIndex" | "byIndex">;

const selectors = new WeakMap<Service, (pod: Pod) => boolean>();

/** Whether the Service's selector chooses a pod; without a selector it chooses none. */
function selectorOf(service: Service): (pod: Pod) => boolean {
  const known = selectors.get(service);
  if (known !== undefined) return known;
  const { selector = {} } = service.spec ?? {};
  const matches = labelSelectorPredicate(Object.keys(selector).length === 0 ? undefined : { matchLabels: selector });
  const selects = ({ metadata }: Pod) => matches(metadata.labels);
  selectors.set(service, selects);
  return selects;
}

/** The pods that a Service's selector chooses. */
export function podsOf(pods: IndexedPods): (service: Service) => readonly Pod[] {
  const select = selectedPods(pods);
  return (service) => {
    const { selector = {} } = service.spec ?? {};
    return Object.keys(selector).length === 0 ? [] : select(service.metadata.namespace ?? "", selector, selectorOf(service));
  };
}

/** The keys of the Services that choose the pod: of those whose selector begins with a label that it has, those that want no other. */
export function servicesOf(services: IndexedServices): (pod: Pod) => readonly string[] {
  services.addIndex(SELECTOR_INDEX, ({ metadata: { namespace = "" }, spec }) => labelEntries(namespace, spec?.selector).slice(0, 1));
  return (pod) =>
    labelEntries(pod.metadata.namespace ?? "", pod.metadata.labels)
      .flatMap((entry) => services.byIndex(SELECTOR_INDEX, entry))
      .filter((service) => selectorOf(service)(pod))
      .map(objectKey);
}

/** Most changes of pods are none of their endpoints. */
export function isEndpointChange(old: Pod | undefined, pod: Pod | undefined): boolean {
  if (old === undefined || pod === undefined) return true;
  const facts = ({ metadata, spec, status }: Pod) => [
    metadata.labels,
    metadata.deletionTimestamp,
    spec.nodeName,
    spec.hostname,
    spec.subdomain,
    status?.podIPs,
    isConditionTrue(status?.conditions, "Ready"),
  ];
  return isPodFinished(old) !== isPodFinished(pod) || !jsonEqual(facts(old), facts(pod));
}

/**
 * How many ms a Service is left alone after a look at so many pods, whose outcome so many nodes hear of. Every look goes through all of the
 * pods, and every write carries up to a hundred or a thousand addresses to every node: where many pods change one after another, one look a
 * second has to do.
 */
export function restOf(pods: number, nodes: number): number {
  return pods + nodes < RESTLESS_MAX ? 0 : Math.min(REST_MAX_MS, pods + nodes);
}
