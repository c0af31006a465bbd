import { describe, expect, test } from "vitest";
import type { Action } from "../../../engine/controllers/define-controller.ts";
import { planEndpointSlices } from "../../../engine/controllers/endpoints/endpoint-slice-plan.ts";
import { planEndpoints } from "../../../engine/controllers/endpoints/endpoints-plan.ts";
import type { Endpoints, EndpointSlice, Pod, Service } from "../../../engine/resources/types.ts";
import { aPod, aService, type PodShape } from "../../kit/objects.ts";

const TRIGGER = "endpoints.kubernetes.io/last-change-trigger-time";
const pod = (index: number, shape: PodShape = {}) => aPod(`p${index}`, { labels: { app: "web" }, ip: `10.42.0.${index}`, readyAt: index, ...shape });
const notReadySince = (index: number, second: number): Pod => {
  const { status, ...rest } = pod(index);
  const [ready] = pod(index, { readyAt: second }).status?.conditions ?? [];
  return { ...rest, status: { ...status, conditions: ready === undefined ? [] : [{ ...ready, status: "False" }] } };
};
const transitionOf = ({ status }: Pod) => status?.conditions?.[0]?.lastTransitionTime;

type Plan = (service: Service, pods: readonly Pod[], before: readonly object[]) => readonly Action[];
const slices: Plan = (service, pods, before) => planEndpointSlices({ service, pods, slices: before as readonly EndpointSlice[], zoneOfNode: new Map(), zoneCapacity: undefined });
const endpoints: Plan = (service, pods, before) => planEndpoints({ service, pods, existing: before[0] as Endpoints | undefined });

describe.each([
  ["EndpointSlices", slices],
  ["Endpoints", endpoints],
])("what %s tell about the time of their last change", (_kind, plan) => {
  const service = aService("web", { createdAt: 100 });
  const written = (pods: readonly Pod[], before: readonly object[] = [], of: Service = service) =>
    plan(of, pods, before).flatMap((action) => (action.do === "create" || action.do === "update" ? [{ ...action.object, metadata: { ...action.object.metadata, name: "web" } }] : []));
  const told = (pods: readonly Pod[], before: readonly object[], of: Service = service) => written(pods, before, of).map(({ metadata }) => metadata.annotations?.[TRIGGER]);

  test("is the Service's creation when they are made", () => {
    expect(told([pod(1)], [])).toEqual([service.metadata.creationTimestamp]);
  });
  test("is the first moment at which a pod became ready or stopped to be, of those that changed", () => {
    const before = written([pod(1), pod(2)]);
    expect(told([pod(1), pod(2), pod(9), pod(7)], before)).toEqual([transitionOf(pod(7))]);
    expect(told([notReadySince(1, 30), pod(2), pod(40)], before)).toEqual([transitionOf(notReadySince(1, 30))]);
    expect(told([notReadySince(1, 30), pod(2)], written([notReadySince(1, 30), pod(2), pod(40)], before))).toEqual([undefined]);
  });
  test("counts a pod that has finished, and none that never had an address", () => {
    const before = written([pod(1), pod(2)]);
    const finished = { ...notReadySince(1, 50), status: { ...notReadySince(1, 50).status, phase: "Succeeded" } };
    expect(told([finished, pod(2), pod(3, { ip: undefined })], before)).toEqual([transitionOf(finished)]);
  });
  test("is gone where no pod's readiness is behind a change, and other annotations stay", () => {
    const before = written([pod(1), pod(2)]).map((object) => ({ ...object, metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, mine: "1" } } }));
    expect(written([pod(2)], before).map(({ metadata }) => metadata.annotations)).toEqual([{ mine: "1" }]);
    expect(told([pod(1), pod(2)], before, aService("web", { createdAt: 100, ports: [{ port: 81 }] }))).toEqual([undefined]);
  });
  test("makes no write by itself", () => {
    const before = written([pod(1), pod(2)]);
    expect(plan(service, [pod(1, { readyAt: 60 }), pod(2)], before)).toEqual([]);
  });
});

test("pods that a Service publishes before they are ready are no news in its Endpoints once they are there", () => {
  const service = aService("web", { spec: { publishNotReadyAddresses: true } });
  const [made] = endpoints(service, [notReadySince(1, 30)], []).flatMap((action) => (action.do === "create" ? [action.object] : []));
  const [next] = endpoints(service, [notReadySince(1, 30), pod(40)], [made ?? {}]).flatMap((action) => (action.do === "update" ? [action.object] : []));
  expect(next?.metadata.annotations?.[TRIGGER]).toBe(transitionOf(pod(40)));
});

test("pods beyond those that Endpoints can hold are no news", () => {
  const many = Array.from({ length: 1_050 }, (_, i) => aPod(`p${i}`, { ip: `10.${40 + Math.floor(i / 250)}.0.${i % 250}`, readyAt: 1 }));
  const [made] = endpoints(aService("web"), many, []).flatMap((action) => (action.do === "create" ? [action.object] : []));
  const [next] = endpoints(aService("web", { ports: [{ port: 81 }] }), many, [made ?? {}]).flatMap((action) => (action.do === "update" ? [action.object] : []));
  expect(next?.metadata.annotations).toEqual({ "endpoints.kubernetes.io/over-capacity": "truncated" });
});
