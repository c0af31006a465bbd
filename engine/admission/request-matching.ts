import type { KubeObject } from "../apimachinery/object-meta.ts";
import { labelSelectorPredicate, type LabelSelector } from "../apimachinery/selectors.ts";
import { notFound, type StatusError } from "../apimachinery/status-error.ts";
import { namespaceResource } from "../resources/core/namespace.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import type { NamedRuleWithOperations, RuleWithOperations } from "../resources/types.ts";
import { isKind, type AdmissionAttributes, type AdmissionReader } from "./admission.ts";

/** Other versions of resources, under which webhooks and policies may have named them. */
export interface EquivalentResources {
  /** Not the resource itself. */
  of(definition: ResourceDefinition): readonly ResourceDefinition[];
  /** The object as the other version shows it. */
  convert(object: KubeObject, from: ResourceDefinition, to: ResourceDefinition): Promise<KubeObject>;
}

/** The request's objects as the version that was matched shows them. */
export interface MatchedObjects {
  readonly object: KubeObject | undefined;
  readonly old: KubeObject | undefined;
}

export async function matchedObjects(
  { attributes, definition }: { readonly attributes: AdmissionAttributes; readonly definition: ResourceDefinition },
  equivalents: EquivalentResources,
): Promise<MatchedObjects> {
  const { object, old, kind } = attributes;
  if (definition === attributes.definition || kind !== undefined) return { object, old };
  return {
    object: object && (await equivalents.convert(object, attributes.definition, definition)),
    old: old && (await equivalents.convert(old, attributes.definition, definition)),
  };
}

/** The kinds that configure admission: were they subject to it, nobody could repair a wrong configuration. */
const EXEMPT_GROUP = "admissionregistration.k8s.io";

export function isExempt({ definition }: AdmissionAttributes): boolean {
  return definition.group === EXEMPT_GROUP;
}

/** Whether a rule names this operation on this resource, or on `definition` in its place. Pure. */
function matchesRule(rule: RuleWithOperations, attributes: AdmissionAttributes, definition: ResourceDefinition = attributes.definition): boolean {
  const names = (list: readonly string[] | undefined, value: string) => list?.some((item) => item === "*" || item === value) === true;
  return (
    names(rule.operations, attributes.operation) &&
    names(rule.apiGroups, definition.group) &&
    names(rule.apiVersions, definition.version) &&
    (rule.scope === undefined || rule.scope === "*" || (rule.scope === "Namespaced") === definition.namespaced) &&
    rule.resources?.some((text) => matchesResource(text, definition.resource, attributes.subresource ?? "")) === true
  );
}

function matchesResource(text: string, resource: string, subresource: string): boolean {
  const slash = text.indexOf("/");
  const [wantedResource, wantedSubresource] = slash < 0 ? [text, ""] : [text.slice(0, slash), text.slice(slash + 1)];
  return (wantedResource === "*" || wantedResource === resource) && (wantedSubresource === "*" || wantedSubresource === subresource);
}

/** Whether a rule's list of names, if it has one, holds that of the request. */
export function matchesName({ resourceNames = [] }: NamedRuleWithOperations, { name, isOfCollection }: AdmissionAttributes): boolean {
  return resourceNames.length === 0 || (isOfCollection !== true && resourceNames.includes(name));
}

/**
 * The resource under which the first rule that matches names the request's: itself, or an equivalent one where the match policy
 * allows it. Undefined when no rule matches.
 */
export function findMatch<R extends RuleWithOperations>(
  rules: readonly R[],
  matchPolicy: string | undefined,
  attributes: AdmissionAttributes,
  equivalents: EquivalentResources,
  isNamed: (rule: R) => boolean = () => true,
): ResourceDefinition | undefined {
  const { definition } = attributes;
  if (rules.some((rule) => matchesRule(rule, attributes) && isNamed(rule))) return definition;
  if (matchPolicy !== "Equivalent") return undefined;
  const others = equivalents.of(definition);
  for (const rule of rules) {
    const found = others.find((other) => matchesRule(rule, attributes, other) && isNamed(rule));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether a selector chooses the request's namespace; an error where it cannot be told, which counts only if everything else matches. */
export async function matchesNamespace(
  selector: LabelSelector | undefined,
  attributes: AdmissionAttributes,
  reader: AdmissionReader,
): Promise<boolean | StatusError> {
  const isNamespace = isKind(attributes, "", "namespaces");
  if (isEmpty(selector) || (!attributes.definition.namespaced && !isNamespace)) return true;
  const labels = await namespaceLabels(attributes, isNamespace, reader);
  return labels === undefined ? notFound(namespaceResource, namespaceName(attributes)) : labelSelectorPredicate(selector)(labels);
}

/** A Namespace that is being written has the labels that it will have. */
async function namespaceLabels(
  attributes: AdmissionAttributes,
  isNamespace: boolean,
  reader: AdmissionReader,
): Promise<Readonly<Record<string, string>> | undefined> {
  const { operation, subresource, object, assumedNamespaces } = attributes;
  if (isNamespace && subresource === undefined && (operation === "CREATE" || operation === "UPDATE")) return object?.metadata.labels ?? {};
  const found = await readNamespace(attributes, reader);
  if (found !== undefined) return found.metadata.labels ?? {};
  return assumedNamespaces?.has(attributes.namespace) === true ? { "kubernetes.io/metadata.name": attributes.namespace } : undefined;
}

/** The Namespace that the request is in, or is about. One that was made a moment ago may not be in the cache yet. */
export async function readNamespace(attributes: AdmissionAttributes, reader: AdmissionReader): Promise<KubeObject | undefined> {
  const name = namespaceName(attributes);
  if (name === "") return undefined;
  return (await reader.get(namespaceResource, "", name)) ?? (await reader.get(namespaceResource, "", name, { fresh: true }));
}

/** The Namespace that the request is in; undefined for what is in none. Throws a 404. */
export async function requireNamespace(attributes: AdmissionAttributes, reader: AdmissionReader): Promise<KubeObject | undefined> {
  if (!attributes.definition.namespaced) return undefined;
  const found = await readNamespace(attributes, reader);
  if (found !== undefined) return found;
  const { namespace, assumedNamespaces } = attributes;
  if (assumedNamespaces?.has(namespace) !== true) throw notFound(namespaceResource, namespace);
  return { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels: { "kubernetes.io/metadata.name": namespace } } };
}

/** A namespace lies in itself. */
export function namespaceName(attributes: AdmissionAttributes): string {
  return isKind(attributes, "", "namespaces") ? attributes.name || (attributes.object?.metadata.name ?? "") : attributes.namespace;
}

/** Whether a selector chooses the object as it was or as it will be. What has no labels is chosen by the empty selector only. */
export function matchesObject(selector: LabelSelector | undefined, { object, old, operation }: AdmissionAttributes): boolean {
  if (isEmpty(selector)) return true;
  if (operation === "CONNECT") return false;
  const matches = labelSelectorPredicate(selector);
  return [object, old].some((state) => state !== undefined && matches(state.metadata?.labels));
}

function isEmpty(selector: LabelSelector | undefined): selector is undefined {
  return selector === undefined || (Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0);
}
