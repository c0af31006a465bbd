import { objectKey, splitKey } from "../../apimachinery/object-meta.ts";
import { parseLabelSelector } from "../../apimachinery/selectors.ts";
import type { Client } from "../../client/client.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { describeError } from "../../lib/log.ts";
import { customResourceDefinitionResource } from "../../resources/apiextensions/custom-resource-definition.ts";
import { apiServiceResource } from "../../resources/apiregistration/api-service.ts";
import { horizontalPodAutoscalerResource } from "../../resources/autoscaling/horizontal-pod-autoscaler.ts";
import { podResource } from "../../resources/core/pod.ts";
import { podMetricsResource } from "../../resources/metrics/usage.ts";
import type { CustomResourceDefinition, HorizontalPodAutoscaler, PodMetrics } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { isBeingDeleted, read, watch, type ControllerDefinition } from "../define-controller.ts";
import { findScalable } from "../scalable-kinds.ts";
import { concludeAutoscaler, decideReplicas, planAutoscaler, type AutoscalerDecision, type AutoscalerInputs, type ScaleTarget } from "./autoscaler-plan.ts";
import { readCustomFigures } from "./custom-figures.ts";
import { prunedHistory, type ScalingHistory } from "./scaling-limits.ts";

const NOTHING: ScalingHistory = { recommendations: [], changes: [] };

/** Keeps each workload as large as its figures ask. */
export function autoscalerController({ informers, client, timings }: ControllerContext): ControllerDefinition<AutoscalerInputs> {
  const autoscalers = informers.informer(horizontalPodAutoscalerResource);
  const pods = informers.informer(podResource);
  const definitions = informers.informer(customResourceDefinitionResource);
  const services = informers.informer(apiServiceResource);
  /** By uid; what a restart forgets makes at worst a change come early. */
  const histories = new Map<string, ScalingHistory>();
  /** What the plan of a look decided, for its conclusion. */
  const decisions = new WeakMap<AutoscalerInputs, AutoscalerDecision>();

  return {
    name: "horizontal-pod-autoscaler",
    // Its own status is no news; figures are asked for at intervals.
    watches: [
      watch(
        autoscalers,
        (autoscaler) => [objectKey(autoscaler)],
        (old, next) => next === undefined || old === undefined || !jsonEqual(old.spec, next.spec),
      ),
    ],
    reads: [read(pods), read(definitions), read(services)],
    async observe(key) {
      const { namespace, name } = splitKey(key);
      const autoscaler = autoscalers.get(namespace, name);
      if (autoscaler === undefined || isBeingDeleted(autoscaler)) {
        // Forgets those that are gone; there are never more than autoscalers.
        const live = new Set(autoscalers.list().map(({ metadata }) => metadata.uid ?? ""));
        for (const uid of histories.keys()) if (!live.has(uid)) histories.delete(uid);
        return undefined;
      }
      const target = await findTarget(client, autoscaler, definitions.list());
      const selector = "error" in target || target.selector === "" ? undefined : parseLabelSelector(target.selector);
      const own = selector === undefined ? [] : pods.list(namespace).filter((pod) => selector(pod.metadata.labels));
      const metrics = own.length === 0 ? [] : await readPodMetrics(client, namespace);
      const query = { namespace, podSelector: "error" in target ? "" : target.selector, definitions: definitions.list(), services: services.list() };
      const figures = "error" in target ? [] : await Promise.all((autoscaler.spec.metrics ?? []).map((spec) => readCustomFigures(client, spec, query)));
      const names = new Set(own.map((pod) => pod.metadata.name));
      return {
        autoscaler,
        target,
        pods: own,
        metrics: metrics.filter((figure) => names.has(figure.metadata.name)),
        figures,
        history: histories.get(autoscaler.metadata.uid ?? "") ?? NOTHING,
        periodMs: timings.autoscalerPeriodMs,
      };
    },
    plan(inputs, nowMs) {
      const decision = decideReplicas(inputs, nowMs);
      decisions.set(inputs, decision);
      return planAutoscaler(inputs, decision);
    },
    conclude(inputs, outcome, nowMs) {
      const decision = decisions.get(inputs) ?? decideReplicas(inputs, nowMs);
      const { current, desired, recommendation } = decision;
      const { recommendations, changes } = inputs.history;
      const next = {
        recommendations: recommendation === undefined ? recommendations : [...recommendations, { atMs: nowMs, replicas: recommendation }],
        changes: outcome.failure !== undefined || desired === current ? changes : [...changes, { atMs: nowMs, by: desired - current }],
      };
      histories.set(inputs.autoscaler.metadata.uid ?? "", prunedHistory(inputs.autoscaler, next, nowMs));
      return concludeAutoscaler(inputs, decision, outcome, nowMs);
    },
  };
}

async function findTarget(
  client: Client,
  { metadata: { namespace = "" }, spec: { scaleTargetRef } }: HorizontalPodAutoscaler,
  definitions: readonly CustomResourceDefinition[],
): Promise<ScaleTarget | { readonly error: string }> {
  const scalable = findScalable(scaleTargetRef, definitions);
  if (scalable === undefined)
    return { error: `no matches for kind ${JSON.stringify(scaleTargetRef.kind)} in version ${JSON.stringify(scaleTargetRef.apiVersion ?? "")}` };
  try {
    const object = await client.for(scalable.resource).get(namespace, scaleTargetRef.name);
    return {
      resource: scalable.resource,
      object,
      replicas: scalable.scale.specReplicas(object),
      statusReplicas: scalable.scale.statusReplicas(object),
      selector: scalable.scale.selector(object),
    };
  } catch (error) {
    return { error: describeError(error) };
  }
}

/** No answer is no figure, and the plan says so. */
async function readPodMetrics(client: Client, namespace: string): Promise<readonly PodMetrics[]> {
  return client
    .for(podMetricsResource)
    .list(namespace)
    .then(
      ({ items }) => items,
      () => [],
    );
}
