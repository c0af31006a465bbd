import type { KubeObject } from "../../engine/apimachinery/object-meta.ts";
import { isConditionTrue } from "../../engine/apimachinery/conditions.ts";
import type { Client } from "../../engine/client/client.ts";
import { customResourceDefinitionResource } from "../../engine/resources/apiextensions/custom-resource-definition.ts";
import type { ResourceReference } from "../../engine/resources/define-resource.ts";
import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from "../../engine/resources/types.ts";

export interface CronTab extends KubeObject {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

export const tabs: ResourceReference<CronTab> = { group: "stable.example.com", version: "v1", resource: "crontabs", kind: "CronTab", namespaced: true };

/** A definition of CronTab whose only version looks as given. */
export function cronTabs(schema: object, version: Partial<CustomResourceDefinitionVersion> = {}, spec: Partial<CustomResourceDefinition["spec"]> = {}): CustomResourceDefinition {
  const versions = [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema }, ...version }];
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "crontabs.stable.example.com" },
    spec: { group: "stable.example.com", scope: "Namespaced", names: { plural: "crontabs", kind: "CronTab", shortNames: ["ct"] }, versions, ...spec } as CustomResourceDefinition["spec"], // schemas are written as tests need them
  };
}

export function cronTab(name: string, spec: object = {}, more: object = {}): CronTab {
  return { apiVersion: "stable.example.com/v1", kind: "CronTab", metadata: { name, namespace: "default" }, spec, ...more } as CronTab;
}

/** As the controller would leave it: accepted and established. */
export async function establish(client: Client, definition: CustomResourceDefinition): Promise<CustomResourceDefinition> {
  const made = await client.for(customResourceDefinitionResource).create(definition);
  const conditions = ["NamesAccepted", "Established"].map((type) => ({ type, status: "True", reason: "Test", message: "", lastTransitionTime: "2026-01-01T00:00:00Z" }));
  return client.for(customResourceDefinitionResource).updateStatus({ ...made, status: { ...made.status, acceptedNames: made.spec.names, conditions } });
}

export function isEstablished(definition: CustomResourceDefinition): boolean {
  return isConditionTrue(definition.status?.conditions, "Established");
}
