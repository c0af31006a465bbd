import { parseApiVersion } from "../apimachinery/group-version.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { customScale } from "../resources/apiextensions/custom-scale.ts";
import { deploymentResource } from "../resources/apps/deployment.ts";
import { replicaSetResource } from "../resources/apps/replica-set.ts";
import { statefulSetResource } from "../resources/apps/stateful-set.ts";
import { replicationControllerResource } from "../resources/core/replication-controller.ts";
import type { ResourceDefinition, ResourceReference, ScaleAccess } from "../resources/define-resource.ts";
import type { CustomResourceDefinition } from "../resources/types.ts";

/** A kind with a number of replicas, and how to read it. */
export interface Scalable {
  readonly resource: ResourceReference;
  readonly scale: ScaleAccess<KubeObject>;
}

/** Names a kind, such as an owner or the target of an autoscaler does. */
interface KindReference {
  readonly kind: string;
  readonly apiVersion?: string;
}

const BUILT_IN = [deploymentResource, replicaSetResource, statefulSetResource, replicationControllerResource] as unknown as readonly ResourceDefinition[]; // read by their ScaleAccess only

/** The kind as far as it has a scale subresource: built in, or defined by users. */
export function findScalable(reference: KindReference, definitions: readonly CustomResourceDefinition[]): Scalable | undefined {
  return findBuiltIn(reference) ?? findCustom(definitions, reference);
}

/** Any version of a group names the same workload; without one, the kind decides. */
function findBuiltIn({ kind, apiVersion = "" }: KindReference): Scalable | undefined {
  const { group } = parseApiVersion(apiVersion);
  const found = BUILT_IN.find((definition) => definition.kind === kind && (apiVersion === "" || definition.group === group));
  const access = found?.subresources.find((subresource) => "scale" in subresource);
  return found === undefined || access === undefined || !("scale" in access) ? undefined : { resource: found, scale: access.scale };
}

function findCustom(definitions: readonly CustomResourceDefinition[], { kind, apiVersion = "" }: KindReference): Scalable | undefined {
  const { group, version } = parseApiVersion(apiVersion);
  const found = definitions.find(({ spec }) => spec.group === group && spec.names.kind === kind);
  const served = found?.spec.versions.find((each) => each.name === version && each.served);
  if (found === undefined || served?.subresources?.scale === undefined) return undefined;
  return {
    resource: { group, version, resource: found.spec.names.plural, kind, namespaced: found.spec.scope === "Namespaced" },
    scale: customScale(served.subresources.scale),
  };
}
