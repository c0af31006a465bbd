import { parseLabelRequirements } from "../apimachinery/label-selector-parser.ts";
import { parseFieldSelector } from "../apimachinery/selectors.ts";
import type { SubjectAccessReviewSpec } from "../resources/types.ts";
import type { AuthorizationAttributes } from "./authorize.ts";

/** A request as another server is asked about it. Selectors are told as requirements; those that cannot be said so are left out, which asks for more. Pure. */
export function accessReviewSpec(attributes: AuthorizationAttributes): SubjectAccessReviewSpec {
  const { username, groups, uid, extra } = attributes.user;
  const user = { user: username, groups, ...(uid === undefined ? {} : { uid }), ...(extra === undefined ? {} : { extra }) };
  if (attributes.is === "path") return { nonResourceAttributes: { path: attributes.path, verb: attributes.verb }, ...user };
  const { verb, group, version, resource, subresource, namespace, name, fieldSelector, labelSelector } = attributes;
  const all = { namespace, verb, group, version, resource, subresource, name };
  const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== ""));
  const [fields, labels] = [requirements(fieldSelector, fieldRequirements), requirements(labelSelector, labelRequirements)];
  return {
    resourceAttributes: {
      ...given,
      ...(fields.length === 0 ? {} : { fieldSelector: { requirements: fields } }),
      ...(labels.length === 0 ? {} : { labelSelector: { requirements: labels } }),
    },
    ...user,
  };
}

/** The review as conditions see it: every text is there, an empty one where nothing is said. Pure. */
export function conditionView({
  user = "",
  groups = [],
  uid = "",
  extra = {},
  resourceAttributes: asked,
  nonResourceAttributes: path,
}: SubjectAccessReviewSpec): SubjectAccessReviewSpec {
  return {
    user,
    groups,
    uid,
    extra,
    ...(asked === undefined
      ? {}
      : { resourceAttributes: { namespace: "", verb: "", group: "", version: "", resource: "", subresource: "", name: "", ...asked } }),
    ...(path === undefined ? {} : { nonResourceAttributes: { path: "", verb: "", ...path } }),
  };
}

interface SelectorRequirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

function requirements(text: string | undefined, read: (text: string) => readonly SelectorRequirement[]): readonly SelectorRequirement[] {
  if (text === undefined || text === "") return [];
  try {
    return read(text);
  } catch {
    // The request itself is refused for it later, by those who may hear why.
    return [];
  }
}

function fieldRequirements(text: string): readonly SelectorRequirement[] {
  return parseFieldSelector(text).map(({ field, operator, value }) => ({ key: field, operator: operator === "=" ? "In" : "NotIn", values: [value] }));
}

function labelRequirements(text: string): readonly SelectorRequirement[] {
  return parseLabelRequirements(text)
    .filter(({ operator }) => operator !== "Gt" && operator !== "Lt")
    .map(({ key, operator, values }) => ({ key, operator, ...(values.length === 0 ? {} : { values }) }));
}
