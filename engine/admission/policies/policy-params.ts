import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { labelSelectorPredicate } from "../../apimachinery/selectors.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import type { ParamKind, ParamRef } from "../../resources/types.ts";
import type { AdmissionReader } from "../admission.ts";

/** Finds the served resource of a kind, by its apiVersion and name. */
export type FindKind = (apiVersion: string, kind: string) => ResourceDefinition | undefined;

/**
 * The objects that a policy is evaluated with, once for each; null where it has none. An empty list: nothing is to be evaluated. Throws
 * an Error in upstream's words for what is wrong with the binding.
 */
export async function collectParams(
  paramKind: ParamKind | undefined,
  paramRef: ParamRef | undefined,
  namespace: string,
  findKind: FindKind,
  reader: AdmissionReader,
): Promise<readonly (KubeObject | null)[]> {
  if (paramKind === undefined || paramRef === undefined) return [null];
  const { apiVersion = "", kind = "" } = paramKind;
  const definition = findKind(apiVersion, kind);
  if (definition === undefined) throw new Error(`paramKind kind \`&ParamKind{APIVersion:${apiVersion},Kind:${kind},}\` not known`);
  if (!definition.namespaced && paramRef.namespace) throw new Error("paramRef.namespace must not be provided for a cluster-scoped `paramKind`");
  const place = definition.namespaced ? paramRef.namespace || namespace : "";
  if (definition.namespaced && place === "") throw new Error("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources");
  const found = paramRef.name
    ? await readOne(definition, place, paramRef.name, reader)
    : (await reader.list(definition, place)).filter((object) => labelSelectorPredicate(paramRef.selector)(object.metadata.labels));
  if (found.length === 0 && paramRef.parameterNotFoundAction === "Deny")
    throw new Error("no params found for policy binding with `Deny` parameterNotFoundAction");
  return found;
}

/** One that was made a moment ago may not be in the cache yet. */
async function readOne(definition: ResourceDefinition, namespace: string, name: string, reader: AdmissionReader): Promise<readonly KubeObject[]> {
  const found = (await reader.get(definition, namespace, name)) ?? (await reader.get(definition, namespace, name, { fresh: true }));
  return found === undefined ? [] : [found];
}
