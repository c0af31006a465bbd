import type { UserInfo } from "../../apimachinery/api-request.ts";
import { forbiddenField, invalid } from "../../apimachinery/field-error.ts";
import { parseApiVersion } from "../../apimachinery/group-version.ts";
import { MASTERS_GROUP } from "../../apimachinery/known-users.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { AuthorizationQuestion } from "../../cel/library/authorizer.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { ParamKind } from "../../resources/types.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../admission.ts";
import type { PolicyParts } from "./match-policy.ts";
import type { BindingLike, PolicyIndex, PolicyLike } from "./policy-index.ts";

const GROUP = "admissionregistration.k8s.io";

/**
 * Whoever makes a policy show its parameters must be allowed to read these himself: messages could tell anybody what is in them. Part
 * of the server, no choice.
 */
export function paramRights(index: PolicyIndex, parts: PolicyParts): AdmissionPlugin {
  return {
    name: "PolicyParamRights",
    async validate(attributes) {
      const { definition, operation, subresource, user } = attributes;
      if (definition.group !== GROUP || subresource !== undefined || operation === "DELETE" || user.groups.includes(MASTERS_GROUP)) return;
      if (/admissionpolicies$/.test(definition.resource)) await checkPolicy(attributes, parts);
      if (/admissionpolicybindings$/.test(definition.resource)) await checkBinding(attributes, index, parts);
    },
  };
}

async function checkPolicy(attributes: AdmissionAttributes, parts: PolicyParts): Promise<void> {
  const { paramKind } = (attributes.object as PolicyLike).spec; // of the resource that the plugin looked at
  const before = (attributes.old as PolicyLike | undefined)?.spec.paramKind; // as above
  if (paramKind === undefined || jsonEqual(before, paramKind)) return;
  if (await mayRead(attributes.user, { verb: "get", ...addressOf(paramKind, parts), namespace: "*", name: "*" }, parts)) return;
  refuse(
    attributes,
    "spec.paramKind",
    `user ${describeUser(attributes.user)} must have "get" permission on all objects of the referenced paramKind (kind=${paramKind.kind}, apiVersion=${paramKind.apiVersion})`,
  );
}

async function checkBinding(attributes: AdmissionAttributes, index: PolicyIndex, parts: PolicyParts): Promise<void> {
  const { spec } = attributes.object as BindingLike; // of the resource that the plugin looked at
  const before = (attributes.old as BindingLike | undefined)?.spec; // as above
  const { paramRef } = spec;
  if (paramRef === undefined || (jsonEqual(before?.paramRef, paramRef) && before?.policyName === spec.policyName)) return;
  const list = attributes.definition.resource.startsWith("validating") ? index.validating : index.mutating;
  const verb = paramRef.name ? "get" : "list";
  const paramKind = list.policies.get(spec.policyName ?? "")?.spec.paramKind;
  if (await mayRead(attributes.user, { verb, ...addressOf(paramKind, parts), namespace: paramRef.namespace ?? "", name: paramRef.name ?? "" }, parts)) return;
  refuse(attributes, "spec.paramRef", `user ${describeUser(attributes.user)} does not have "${verb}" permission on the object referenced by paramRef`);
}

/** What cannot be found is taken for everything. */
function addressOf(paramKind: ParamKind | undefined, { findKind }: PolicyParts): Pick<AuthorizationQuestion, "group" | "resource"> {
  if (paramKind === undefined) return { group: "*", resource: "*" };
  const { apiVersion = "", kind = "" } = paramKind;
  return { group: parseApiVersion(apiVersion).group, resource: findKind(apiVersion, kind)?.resource ?? "*" };
}

async function mayRead(user: UserInfo, question: AuthorizationQuestion, { askRights }: PolicyParts): Promise<boolean> {
  return (await askRights(user, question)).isAllowed;
}

function refuse({ definition, object }: AdmissionAttributes, field: string, why: string): never {
  throw invalid(definition.group, definition.kind, (object as KubeObject).metadata.name ?? "", [forbiddenField(field, why)]);
}

function describeUser({ username, uid = "", groups }: UserInfo): string {
  return `&{${username} ${uid} [${groups.join(" ")}] map[]}`;
}
