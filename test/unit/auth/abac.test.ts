import { describe, expect, test } from "vitest";
import { abacMode, parseAbacPolicies } from "../../../engine/auth/abac-authorizer.ts";
import type { AuthorizationAttributes } from "../../../engine/auth/authorize.ts";

const VERSION = "abac.authorization.kubernetes.io/v1beta1";
const policy = (spec: object) => JSON.stringify({ apiVersion: VERSION, kind: "Policy", spec });
const modeOf = (...lines: readonly string[]) => abacMode(parseAbacPolicies(lines.join("\n"), "policies"));
const ann = { username: "ann", groups: ["ops", "system:authenticated"] };
const asks = (verb: string, resource: string, namespace = "shop", group = "", user = ann): AuthorizationAttributes => ({ is: "resource", user, verb, group, resource, namespace, name: "" });
const asksPath = (path: string, verb = "get"): AuthorizationAttributes => ({ is: "path", user: ann, verb, path });
const NONE = { is: "none", reason: "No policy matched." };
const ALLOWED = { is: "allow", reason: "" };

describe("policies line by line", () => {
  test.each<[string, object, AuthorizationAttributes, boolean]>([
    ["a user, all of one namespace", { user: "ann", namespace: "shop", resource: "*", apiGroup: "*" }, asks("create", "deployments", "shop", "apps"), true],
    ["another namespace", { user: "ann", namespace: "shop", resource: "*", apiGroup: "*" }, asks("get", "pods", "other"), false],
    ["another user", { user: "bob", namespace: "*", resource: "*", apiGroup: "*" }, asks("get", "pods"), false],
    ["a group", { group: "ops", namespace: "*", resource: "pods" }, asks("delete", "pods"), true],
    ["a user outside of the group that is named with him", { user: "ann", group: "dev", namespace: "*", resource: "*", apiGroup: "*" }, asks("get", "pods"), false],
    ["nobody", { namespace: "*", resource: "*", apiGroup: "*", nonResourcePath: "*" }, asks("get", "pods"), false],
    ["everybody", { user: "*", namespace: "*", resource: "pods" }, asks("get", "pods"), true],
    ["every group", { group: "*", namespace: "*", resource: "pods" }, asks("get", "pods"), true],
    ["another API group", { user: "ann", namespace: "*", resource: "*" }, asks("get", "deployments", "shop", "apps"), false],
    ["reading only, a read", { user: "ann", readonly: true, namespace: "*", resource: "*" }, asks("watch", "pods"), true],
    ["reading only, a write", { user: "ann", readonly: true, namespace: "*", resource: "*" }, asks("update", "pods"), false],
    ["what is in no namespace", { user: "ann", resource: "nodes" }, asks("list", "nodes", ""), true],
    ["a path for a resource", { user: "ann", nonResourcePath: "*" }, asks("get", "pods"), false],
    ["a resource for a path", { user: "ann", namespace: "*", resource: "*", apiGroup: "*" }, asksPath("/version"), false],
    ["that very path", { user: "ann", nonResourcePath: "/version" }, asksPath("/version"), true],
    ["a path below", { user: "ann", nonResourcePath: "/logs/*" }, asksPath("/logs/a"), true],
    ["a path beside", { user: "ann", nonResourcePath: "/logs/*" }, asksPath("/log"), false],
    ["a path to write to, reading only", { user: "ann", readonly: true, nonResourcePath: "*" }, asksPath("/x", "post"), false],
  ])("%s", (_name, spec, attributes, isAllowed) => {
    expect(modeOf("# people", "", policy(spec)).decide(attributes)).toEqual(isAllowed ? ALLOWED : NONE);
  });

  test.each<[string, object, AuthorizationAttributes, boolean]>([
    ["nobody named is everybody who is known", {}, asks("create", "deployments", "shop", "apps"), true],
    ["but not strangers", {}, asks("get", "pods", "shop", "", { username: "system:anonymous", groups: ["system:unauthenticated"] }), false],
    ["a star is everybody who is known", { user: "*" }, asks("get", "pods", "shop", "", { username: "system:anonymous", groups: ["system:unauthenticated"] }), false],
    ["paths as well", { user: "ann" }, asksPath("/version"), true],
    ["no paths where something is named", { user: "ann", namespace: "shop" }, asksPath("/version"), false],
    ["one resource of all groups and namespaces", { group: "ops", resource: "deployments" }, asks("delete", "deployments", "shop", "apps"), true],
  ])("the older form: %s", (_name, fields, attributes, isAllowed) => {
    expect(modeOf(JSON.stringify(fields)).decide(attributes)).toEqual(isAllowed ? ALLOWED : NONE);
  });

  test.each<[string, string, string]>([
    ["no JSON", "{user: ann}", "policies:2: "],
    ["another kind", JSON.stringify({ apiVersion: VERSION, kind: "Role" }), "policies:2: must be a Policy of abac.authorization.kubernetes.io/v1beta1"],
    ["another version", JSON.stringify({ apiVersion: "v1", kind: "Policy" }), "policies:2: must be a Policy"],
    ["a field of another type", policy({ user: 5 }), "policies:2: spec.user: must be a text"],
    ["no kind beside the version", JSON.stringify({ apiVersion: VERSION, user: "ann" }), "policies:2: must be a Policy"],
    ["a kind of the older form that is none", JSON.stringify({ kind: "Role", user: "ann" }), "policies:2: must be a Policy"],
    ["a list", "[]", "policies:2: the file: must be an object"],
  ])("with %s are refused by their line", (_name, line, problem) => {
    expect(() => modeOf("# first", line)).toThrow(problem);
  });

  test("say nothing by fields that nobody knows, as upstream's", () => {
    const given = { user: "ann", namespace: "*", resource: "*", surprise: [1] };
    expect(modeOf(JSON.stringify({ apiVersion: VERSION, kind: "Policy", metadata: { name: "x" }, spec: { ...given, readOnly: true } })).decide(asks("update", "pods"))).toEqual(ALLOWED);
    expect(modeOf(JSON.stringify({ apiVersion: "abac.authorization.kubernetes.io/v0", kind: "Policy", ...given, nonResourcePath: "/logs" })).decide(asks("update", "pods"))).toEqual(ALLOWED);
    expect(modeOf(JSON.stringify({ ...given, spec: { readonly: true } })).decide(asks("update", "pods"))).toEqual(ALLOWED);
  });

  test("tell what they give in a namespace", () => {
    const mode = modeOf(
      policy({ user: "ann", namespace: "shop", resource: "pods", readonly: true }),
      policy({ group: "ops", namespace: "*", resource: "*", apiGroup: "*", nonResourcePath: "/logs/*" }),
      policy({ user: "ann", namespace: "other", resource: "secrets" }),
      policy({ user: "bob", namespace: "*", resource: "nodes" }),
    );
    expect(mode.rulesFor?.(ann, "shop")).toEqual({
      rules: [
        { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["pods"] },
        { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
        { verbs: ["*"], nonResourceURLs: ["/logs/*"] },
      ],
      incomplete: false,
      errors: [],
    });
  });
});
