import type { OwnerReference } from "../../apimachinery/object-meta.ts";
import { forbidden, type StatusError } from "../../apimachinery/status-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import { isKind, requestName, type AdmissionAttributes, type AdmissionPlugin } from "../admission.ts";
import type { AskRights } from "../expressions/rights-questions.ts";

export interface OwnerReferenceParts {
  readonly askRights: AskRights;
  readonly findKind: (apiVersion: string, kind: string) => ResourceDefinition | undefined;
}

/**
 * Whoever gives an object to an owner must be allowed to delete the object, and whoever keeps the owner's end waiting for it, to change the
 * owner's finalizers.
 */
export function ownerReferencesPermissionEnforcement({ askRights, findKind }: OwnerReferenceParts): AdmissionPlugin {
  const blockableProblem = async ({ user, namespace }: AdmissionAttributes, { apiVersion, kind, name }: OwnerReference): Promise<string | undefined> => {
    const found = findKind(apiVersion, kind);
    if (found === undefined)
      return `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${apiVersion} Kind ${kind}: no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`;
    const { group, resource, namespaced } = found;
    const { isAllowed, reason, error } = await askRights(user, {
      verb: "update",
      group,
      resource,
      subresource: "finalizers",
      name,
      ...(namespaced ? { namespace } : {}),
    });
    return isAllowed
      ? undefined
      : `cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ${reason}, ${error ?? "<nil>"}`;
  };
  return {
    name: "OwnerReferencesPermissionEnforcement",
    async validate(attributes) {
      const { operation, user, definition, subresource, namespace, name, object, old } = attributes;
      if (operation !== "CREATE" && operation !== "UPDATE") return;
      // What a status says of owners is not stored.
      if (isKind(attributes, "", "pods") && subresource === "status") return;
      const [owners = [], known = []] = [object, old].map((state) => state?.metadata?.ownerReferences);
      if (jsonEqual(owners, known)) return;
      if (operation === "UPDATE") {
        const { isAllowed, reason, error } = await askRights(user, {
          verb: "delete",
          group: definition.group,
          resource: definition.resource,
          namespace,
          name,
          ...(subresource === undefined ? {} : { subresource }),
        });
        if (!isAllowed) throw refusal(attributes, `cannot set an ownerRef on a resource you can't delete: ${reason}, ${error ?? "<nil>"}`);
      }
      const blocking = owners.filter(
        ({ uid, blockOwnerDeletion }) => blockOwnerDeletion === true && !known.some((before) => before.uid === uid && before.blockOwnerDeletion === true),
      );
      if (blocking.length === 0 || (await askRights(user, { verb: "update", group: "*", resource: "*", subresource: "finalizers", name: "*" })).isAllowed)
        return;
      for (const owner of blocking) {
        const problem = await blockableProblem(attributes, owner);
        if (problem !== undefined) throw refusal(attributes, problem);
      }
    },
  };
}

function refusal(attributes: AdmissionAttributes, why: string): StatusError {
  return forbidden(attributes.definition, requestName(attributes), why);
}
