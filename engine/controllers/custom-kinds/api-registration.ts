import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { isConditionTrue } from "../../apimachinery/conditions.ts";
import { customResourceDefinitionResource } from "../../resources/apiextensions/custom-resource-definition.ts";
import { apiServiceResource } from "../../resources/apiregistration/api-service.ts";
import type { APIService, CustomResourceDefinition } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { create, watch, type Action, type ControllerDefinition } from "../define-controller.ts";

const AUTOMANAGED = "kube-aggregator.kubernetes.io/automanaged";
/** Where upstream puts the groups of custom kinds in discovery. */
const PRIORITY = { groupPriorityMinimum: 1_000, versionPriority: 100 };

export interface RegistrationInputs {
  readonly group: string;
  readonly version: string;
  readonly isServed: boolean;
  readonly existing: APIService | undefined;
}

/** Every group and version of custom kinds has an APIService as long as one of its kinds is served. Pure. */
export function planRegistration({ group, version, isServed, existing }: RegistrationInputs): readonly Action[] {
  if (isServed && existing === undefined) {
    const service: APIService & KubeObject = {
      apiVersion: "apiregistration.k8s.io/v1",
      kind: "APIService",
      metadata: { name: `${version}.${group}`, labels: { [AUTOMANAGED]: "true" } },
      spec: { group, version, ...PRIORITY },
    };
    return [create(apiServiceResource, service)];
  }
  const isOurs = existing?.metadata.labels?.[AUTOMANAGED] === "true" && existing.spec.service === undefined;
  return !isServed && isOurs ? [{ do: "delete", resource: apiServiceResource, object: existing }] : [];
}

export function apiRegistrationController({ informers }: ControllerContext): ControllerDefinition<RegistrationInputs> {
  const definitions = informers.informer(customResourceDefinitionResource);
  const services = informers.informer(apiServiceResource);
  const keysOf = ({ spec }: CustomResourceDefinition) => spec.versions.map(({ name }) => `${name}.${spec.group}`);
  return {
    name: "api-registration",
    watches: [
      watch(definitions, keysOf),
      watch(
        services,
        ({ metadata }) => [metadata.name ?? ""],
        (_old, service) => service === undefined || service.metadata.labels?.[AUTOMANAGED] === "true",
      ),
    ],
    observe(name) {
      const [version = "", ...rest] = name.split(".");
      const group = rest.join(".");
      const isServed = definitions
        .list()
        .some(
          ({ spec, status }) =>
            spec.group === group &&
            isConditionTrue(status?.conditions, "Established") &&
            spec.versions.some((candidate) => candidate.name === version && candidate.served),
        );
      return { group, version, isServed, existing: services.get("", name) };
    },
    plan: planRegistration,
  };
}
