import { isConditionTrue } from "../../apimachinery/conditions.ts";
import { objectKey } from "../../apimachinery/object-meta.ts";
import { labelSelectorPredicate } from "../../apimachinery/selectors.ts";
import type { Informer } from "../../client/informer.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { Pod, Service } from "../../resources/types.ts";
import { isPodFinished } from "../pods.ts";

const REST_MAX_MS = 1_000;
/** Services with fewer pods are looked at as soon as one changes. */
const RESTLESS_PODS = 100;

const selectors = new WeakMap<Service, (pod: Pod) => boolean>();

/** Whether the Service's selector chooses a pod; without a selector it chooses none. */
export function selectorOf(service: Service): (pod: Pod) => boolean {
  const known = selectors.get(service);
  if (known !== undefined) return known;
  const { selector = {} } = service.spec ?? {};
  const matches = labelSelectorPredicate(Object.keys(selector).length === 0 ? undefined : { matchLabels: selector });
  const selects = ({ metadata }: Pod) => matches(metadata.labels);
  selectors.set(service, selects);
  return selects;
}

/** The keys of the Services that choose the pod. */
export function servicesOf(services: Informer<Service>): (pod: Pod) => readonly string[] {
  return (pod) =>
    services
      .list(pod.metadata.namespace)
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
 * How many ms a Service is left alone after a look at so many pods. Every look goes through all of them, and every write carries up to a
 * hundred or a thousand addresses to every node: where many pods change one after another, one look a second has to do.
 */
export function restOf(pods: number): number {
  return pods < RESTLESS_PODS ? 0 : Math.min(REST_MAX_MS, pods);
}
