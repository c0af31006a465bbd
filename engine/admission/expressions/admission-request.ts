import type { ResourceDefinition } from "../../resources/define-resource.ts";
import { kindOf, type AdmissionAttributes, type KindName } from "../admission.ts";
import { namespaceName } from "../request-matching.ts";

/** A request, and the resource under whose name a webhook or policy asked for it: its own, or the same one in another version. */
export interface MatchedRequest {
  readonly attributes: AdmissionAttributes;
  readonly definition: ResourceDefinition;
}

/**
 * The request as webhooks and expressions are told of it, without its objects: what it was matched as, and what it was made as. Names
 * and shape are those of admission.k8s.io's AdmissionRequest.
 */
export function admissionRequest({ attributes, definition }: MatchedRequest): Readonly<Record<string, unknown>> {
  const { subresource, operation, isOfCollection, options, isDryRun, user } = attributes;
  const name = isOfCollection === true ? "" : attributes.name;
  const namespace = namespaceName(attributes);
  return {
    kind: matchedKind({ attributes, definition }),
    resource: resourceName(definition),
    ...(subresource === undefined ? {} : { subResource: subresource }),
    requestKind: plainKind(kindOf(attributes)),
    requestResource: resourceName(attributes.definition),
    ...(subresource === undefined ? {} : { requestSubResource: subresource }),
    ...(name === "" ? {} : { name }),
    ...(namespace === "" ? {} : { namespace }),
    operation,
    userInfo: {
      username: user.username,
      ...(user.uid === undefined ? {} : { uid: user.uid }),
      groups: user.groups,
      ...(user.extra === undefined ? {} : { extra: user.extra }),
    },
    options: options ?? null,
    dryRun: isDryRun === true,
  };
}

/** The kind under which the objects are shown. What is no object of the resource itself, such as a Scale, is the same for all its versions. */
function matchedKind({ attributes, definition }: MatchedRequest): KindName {
  return plainKind(attributes.kind ?? definition);
}

function plainKind({ group, version, kind }: KindName): KindName {
  return { group, version, kind };
}

function resourceName({ group, version, resource }: ResourceDefinition) {
  return { group, version, resource };
}
