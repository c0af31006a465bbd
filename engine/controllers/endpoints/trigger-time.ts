import { findCondition } from "../../apimachinery/conditions.ts";
import { CHANGE_TIME_ANNOTATION } from "../../apimachinery/known-labels.ts";
import { formatTime } from "../../lib/clock.ts";
import type { Pod, Service } from "../../resources/types.ts";
import type { Action } from "../define-controller.ts";
import { isPodFinished } from "../pods.ts";

/**
 * Since when the change that is about to be written could have been known: the earliest moment at which one of the pods became ready or
 * stopped to be, of those whose readiness is not what readers have been shown; of a Service of which nothing has been written, its
 * creation. Undefined when no pod's readiness is behind the change. Pure.
 * @param shown whether pods were shown as ready, by their uid; undefined when nothing has been written
 */
export function computeTriggerTime(
  service: Service,
  pods: readonly Pod[],
  shown: ReadonlyMap<string, boolean> | undefined,
  isShownReady: (pod: Pod) => boolean,
): string | undefined {
  if (shown === undefined) return service.metadata.creationTimestamp;
  const changes = pods.flatMap((pod) => {
    const before = shown.get(pod.metadata.uid ?? "");
    const isNews = before === undefined ? (pod.status?.podIP ?? "") !== "" && !isPodFinished(pod) : before !== isShownReady(pod);
    const atMs = isNews ? Date.parse(findCondition(pod.status?.conditions, "Ready")?.lastTransitionTime ?? "") : NaN;
    return Number.isNaN(atMs) ? [] : [atMs];
  });
  return changes.length === 0 ? undefined : formatTime(changes.reduce((first, atMs) => Math.min(first, atMs)));
}

/** The same actions, whose writes tell that time and no older one. Pure. */
export function tellTriggerTime(actions: readonly Action[], triggerTime: string | undefined): readonly Action[] {
  return actions.map((action) => {
    if (action.do !== "create" && action.do !== "update") return action;
    const { annotations: before, ...metadata } = action.object.metadata;
    const { [CHANGE_TIME_ANNOTATION]: _older, ...kept } = before ?? {};
    const annotations = triggerTime === undefined ? kept : { ...kept, [CHANGE_TIME_ANNOTATION]: triggerTime };
    return { ...action, object: { ...action.object, metadata: Object.keys(annotations).length === 0 ? metadata : { ...metadata, annotations } } };
  });
}
