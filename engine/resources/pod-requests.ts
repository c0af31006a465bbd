import { milliValue, parseQuantity } from "../apimachinery/quantity.ts";
import type { Container, PodSpec } from "./types.ts";

/** Amounts by resource name: cpu in thousandths of a core, everything else in its own unit (bytes, counts). */
export type ResourceAmounts = Readonly<Record<string, number>>;

/**
 * What a pod needs from its node while it starts and runs, as upstream counts it: the sum over containers and sidecars
 * (init containers with restartPolicy Always), or the largest ordinary init container together with the sidecars
 * started before it, whichever is more; plus the pod's overhead. Pod-level requests, where given, replace the sum.
 */
export function podRequests(spec: PodSpec): ResourceAmounts {
  return podAmounts(spec, "requests");
}

/** What the containers of a pod ask for together, whatever is said for the pod as a whole. */
export function containerRequests(spec: PodSpec): ResourceAmounts {
  const { resources: _whole, overhead: _overhead, ...own } = spec;
  return podRequests(own);
}

/** What a pod may use at most, counted alike: a container without a limit adds nothing, so the sum bounds the pod only where all have one. */
export function podLimits(spec: PodSpec): ResourceAmounts {
  return podAmounts(spec, "limits");
}

function podAmounts(spec: PodSpec, list: "requests" | "limits"): ResourceAmounts {
  const amountsOf = (container: Container) => amounts(container.resources?.[list]);
  const running: Record<string, number> = {};
  for (const container of spec.containers) add(running, amountsOf(container));
  const sidecars: Record<string, number> = {};
  const starting: Record<string, number> = {};
  for (const container of spec.initContainers ?? []) {
    const requests = amountsOf(container);
    if (container.restartPolicy === "Always") {
      add(running, requests);
      add(sidecars, requests);
      raise(starting, sidecars);
    } else {
      raise(starting, sum(sidecars, requests));
    }
  }
  raise(running, starting);
  Object.assign(running, amounts(spec.resources?.[list]));
  // An overhead is part of a limit only where there is one; a limit of nothing is none.
  for (const [name, amount] of Object.entries(amounts(spec.overhead))) if (list === "requests" || (running[name] ?? 0) > 0) add(running, { [name]: amount });
  return running;
}

/** A resource list such as `{cpu: "500m", memory: "64Mi"}` as numbers. */
export function amounts(list: Readonly<Record<string, unknown>> | undefined): ResourceAmounts {
  const out: Record<string, number> = {};
  for (const [name, quantity] of Object.entries(list ?? {})) {
    if (typeof quantity !== "string" && typeof quantity !== "number") continue;
    out[name] = name === "cpu" ? milliValue(quantity) : parseQuantity(quantity);
  }
  return out;
}

function add(target: Record<string, number>, more: ResourceAmounts): void {
  for (const name in more) target[name] = (target[name] ?? 0) + (more[name] ?? 0);
}

function raise(target: Record<string, number>, floor: ResourceAmounts): void {
  for (const name in floor) target[name] = Math.max(target[name] ?? 0, floor[name] ?? 0);
}

function sum(left: ResourceAmounts, right: ResourceAmounts): ResourceAmounts {
  const out = { ...left };
  add(out, right);
  return out;
}
