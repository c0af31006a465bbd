import { asError } from "../../lib/as-error.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { StatusError } from "../../apimachinery/status-error.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import type { MatchResources } from "../../resources/types.ts";
import type { AdmissionAttributes, AdmissionReader } from "../admission.ts";
import type { AskRights } from "../expressions/rights-questions.ts";
import { findMatch, matchesName, matchesNamespace, matchesObject, type EquivalentResources } from "../request-matching.ts";
import { collectParams, type FindKind } from "./policy-params.ts";
import type { PolicyMetrics } from "./policy-metrics.ts";
import type { BindingLike, BoundPolicy, PolicyLike } from "./policy-index.ts";

export interface PolicyParts {
  readonly equivalents: EquivalentResources;
  readonly askRights: AskRights;
  readonly findKind: FindKind;
  readonly metrics: { readonly validating: PolicyMetrics; readonly mutating: PolicyMetrics };
}

/** A policy that is to be evaluated for a request, by one binding, with each of its parameters. */
export interface PolicyInvocation<P extends PolicyLike, B extends BindingLike> {
  readonly policy: P;
  readonly binding: B;
  /** The resource under whose name the policy asked for the request. */
  readonly definition: ResourceDefinition;
  readonly params: readonly (KubeObject | null)[];
}

/** A policy or binding that cannot be used for a request as it is. */
export interface ConfigurationError<P extends PolicyLike, B extends BindingLike> {
  readonly policy: P;
  readonly binding: B | undefined;
  readonly message: string;
}

export interface PolicyMatches<P extends PolicyLike, B extends BindingLike> {
  readonly invocations: readonly PolicyInvocation<P, B>[];
  readonly errors: readonly ConfigurationError<P, B>[];
}

/** Policies cannot keep anybody from repairing policies, nor from asking who somebody is and what he may; upstream's list. */
export function isExemptFromPolicies({ definition: { group, resource } }: AdmissionAttributes): boolean {
  if (group === "authentication.k8s.io" || group === "authorization.k8s.io") return resource.endsWith("reviews");
  return group === "admissionregistration.k8s.io" && /admissionpolic(ies|ybindings)$/.test(resource);
}

/** Which policies are about a request, and which would be if they were sound. */
export async function matchPolicies<P extends PolicyLike, B extends BindingLike>(
  bound: readonly BoundPolicy<P, B>[],
  attributes: AdmissionAttributes,
  parts: PolicyParts,
  reader: AdmissionReader,
): Promise<PolicyMatches<P, B>> {
  const invocations: PolicyInvocation<P, B>[] = [];
  const errors: ConfigurationError<P, B>[] = [];
  for (const { policy, bindings } of bound) {
    const definition = await matchResources(policy.spec.matchConstraints, attributes, parts.equivalents, reader);
    if (definition instanceof Error) errors.push({ policy, binding: undefined, message: `failed to configure policy: ${definition.message}` });
    if (definition === undefined || definition instanceof Error) continue;
    for (const binding of bindings) {
      const matched = await matchResources(binding.spec.matchResources, attributes, parts.equivalents, reader);
      if (matched === undefined) continue;
      const params =
        matched instanceof Error
          ? matched
          : await collectParams(policy.spec.paramKind, binding.spec.paramRef, attributes.namespace, parts.findKind, reader).catch(asError);
      if (params instanceof Error) errors.push({ policy, binding, message: `failed to configure binding: ${params.message}` });
      else invocations.push({ policy, binding, definition, params });
    }
  }
  return { invocations, errors };
}

/** The resource as which a request matches; undefined when it does not, an error when that cannot be told. */
async function matchResources(
  match: MatchResources | undefined,
  attributes: AdmissionAttributes,
  equivalents: EquivalentResources,
  reader: AdmissionReader,
): Promise<ResourceDefinition | StatusError | undefined> {
  if (match === undefined) return attributes.definition;
  const { excludeResourceRules = [], resourceRules = [], matchPolicy, namespaceSelector, objectSelector } = match;
  const find = (rules: typeof resourceRules) => findMatch(rules, matchPolicy, attributes, equivalents, (rule) => matchesName(rule, attributes));
  const definition = resourceRules.length === 0 ? attributes.definition : find(resourceRules);
  if (definition === undefined || find(excludeResourceRules) !== undefined || !matchesObject(objectSelector, attributes)) return undefined;
  const inNamespace = await matchesNamespace(namespaceSelector, attributes, reader);
  return inNamespace instanceof StatusError ? inNamespace : inNamespace ? definition : undefined;
}
