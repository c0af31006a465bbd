import type { UserInfo } from "../apimachinery/api-request.ts";
import { ConfigFields } from "../apimachinery/config-fields.ts";
import { AUTHENTICATED_GROUP } from "../apimachinery/known-users.ts";
import type { PolicyRule } from "../resources/types.ts";
import type { AuthorizationAttributes, AuthorizationMode } from "./authorize.ts";

const GROUP = "abac.authorization.kubernetes.io";
const OLDER = `${GROUP}/v0`;
const READING = ["get", "list", "watch"];

/** One line of the file: who may do something. An empty field asks for nothing of a subject, and of a request that it says nothing either. */
export interface AbacPolicy {
  readonly user: string;
  readonly group: string;
  readonly isReadOnly: boolean;
  readonly apiGroup: string;
  readonly resource: string;
  readonly namespace: string;
  readonly path: string;
}

/**
 * Reads a file of policies, each a JSON object in a line of its own; empty lines and those that begin with # say nothing, and neither do fields that
 * are not known. Throws with `file` and the line for what is wrong.
 */
export function parseAbacPolicies(text: string, file: string): readonly AbacPolicy[] {
  return text.split("\n").flatMap((line, index) => {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) return [];
    try {
      return [parsePolicy(new ConfigFields(JSON.parse(trimmed), ""))];
    } catch (error) {
      throw new Error(`${file}:${index + 1}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  });
}

function parsePolicy(fields: ConfigFields): AbacPolicy {
  const [version, kind] = [fields.text("apiVersion") || OLDER, fields.text("kind") || "Policy"];
  if (version === OLDER && kind === "Policy") return olderPolicy(fields);
  fields.requireKind("Policy", [`${GROUP}/v1beta1`]);
  const spec = fields.part("spec") ?? new ConfigFields({}, "spec");
  const text = (name: string) => spec.text(name) ?? "";
  return {
    user: text("user"),
    group: text("group"),
    isReadOnly: spec.flag("readonly"),
    apiGroup: text("apiGroup"),
    resource: text("resource"),
    namespace: text("namespace"),
    path: text("nonResourcePath"),
  };
}

/** The form that needs no version, where what is not said is everything. */
function olderPolicy(fields: ConfigFields): AbacPolicy {
  const [user, group, resource, namespace] = ["user", "group", "resource", "namespace"].map((name) => fields.text(name) ?? "") as [
    string,
    string,
    string,
    string,
  ]; // as many as there are names
  const isForAll = user === "*" || group === "*" || (user === "" && group === "");
  return {
    user: isForAll ? "" : user,
    group: isForAll ? AUTHENTICATED_GROUP : group,
    isReadOnly: fields.flag("readonly"),
    apiGroup: "*",
    resource: resource || "*",
    namespace: namespace || "*",
    path: resource === "" && namespace === "" ? "*" : "",
  };
}

/** Allows what a line of the file says, and has no opinion of all else. */
export function abacMode(policies: readonly AbacPolicy[]): AuthorizationMode {
  return {
    type: "ABAC",
    decide: (attributes) =>
      policies.some((policy) => matches(policy, attributes)) ? { is: "allow", reason: "" } : { is: "none", reason: "No policy matched." },
    rulesFor: (user, namespace) => ({
      rules: policies.filter((policy) => isAbout(policy, user) && (policy.namespace === "*" || policy.namespace === namespace)).flatMap(rulesOf),
      incomplete: false,
      errors: [],
    }),
  };
}

function matches(policy: AbacPolicy, attributes: AuthorizationAttributes): boolean {
  if (!isAbout(policy, attributes.user) || (policy.isReadOnly && !READING.includes(attributes.verb))) return false;
  const names = (pattern: string, value: string) => pattern === "*" || pattern === value;
  if (attributes.is === "resource")
    return names(policy.namespace, attributes.namespace) && names(policy.resource, attributes.resource) && names(policy.apiGroup, attributes.group);
  return policy.path === attributes.path || (policy.path.endsWith("*") && attributes.path.startsWith(policy.path.replace(/\*+$/, "")));
}

/** A policy that names both is about those of the group who have that name; one that names neither is about nobody. */
function isAbout({ user, group }: AbacPolicy, { username, groups }: UserInfo): boolean {
  if (user === "" && group === "") return false;
  return (user === "" || user === "*" || user === username) && (group === "" || group === "*" || groups.includes(group));
}

function rulesOf({ isReadOnly, apiGroup, resource, path }: AbacPolicy): readonly PolicyRule[] {
  const verbs = isReadOnly ? READING : ["*"];
  return [...(resource === "" ? [] : [{ verbs, apiGroups: [apiGroup], resources: [resource] }]), ...(path === "" ? [] : [{ verbs, nonResourceURLs: [path] }])];
}
