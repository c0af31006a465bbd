import { withCondition } from "../../apimachinery/conditions.ts";
import type { APIService, APIServiceCondition, EndpointSlice, Service } from "../../resources/types.ts";

export interface AvailabilityInputs {
  readonly service: Service | undefined;
  readonly slices: readonly EndpointSlice[];
}

/** Why an API cannot be asked, by what the cluster knows of its Service; undefined when it is worth asking. Reasons and texts are upstream's. */
export function findObstacle({ spec }: APIService, { service, slices }: AvailabilityInputs): APIServiceCondition | undefined {
  const { name = "", namespace = "", port = 443 } = spec.service ?? {};
  const where = `service/${name} in ${JSON.stringify(namespace)}`;
  if (service === undefined) return unavailable("ServiceNotFound", `${where} is not present`);
  if ((service.spec?.type ?? "ClusterIP") !== "ClusterIP") return undefined;
  const found = (service.spec?.ports ?? []).find((candidate) => candidate.port === port);
  if (found === undefined) return unavailable("ServicePortError", `${where} is not listening on port ${port}`);
  if (slices.length === 0) return unavailable("EndpointsNotFound", `cannot find endpointslices for ${where}`);
  const portName = found.name ?? "";
  const isReady = slices.some(
    (slice) =>
      (slice.endpoints ?? []).some((endpoint) => endpoint.conditions?.ready !== false) &&
      (slice.ports ?? []).some((candidate) => (candidate.name ?? "") === portName && candidate.port !== undefined),
  );
  return isReady ? undefined : unavailable("MissingEndpoints", `endpointslices for ${where} have no addresses with port name ${JSON.stringify(portName)}`);
}

export function unavailable(reason: string, message: string): APIServiceCondition {
  return { type: "Available", status: "False", reason, message };
}

export const AVAILABLE: APIServiceCondition = { type: "Available", status: "True", reason: "Passed", message: "all checks passed" };

/** The object with the condition; the very same one when it says so already. */
export function withAvailability(service: APIService, condition: APIServiceCondition, nowText: string): APIService {
  const known = service.status?.conditions;
  const conditions = withCondition(known, condition, nowText);
  return conditions === known ? service : { ...service, status: { ...service.status, conditions } };
}
