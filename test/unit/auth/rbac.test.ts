import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import "../../kit/seeded.ts";
import { accessDenied, alwaysAllowMode, alwaysDenyMode, createAuthorizer, type AuthorizationAttributes } from "../../../engine/auth/authorize.ts";
import { defaultRoles, kubernetesRoles } from "../../../engine/auth/default-roles/default-roles.ts";
import { CONTROLLER_USER, GITOPS_USER, SCHEDULER_USER } from "../../../engine/apimachinery/known-users.ts";
import { missingRights } from "../../../engine/auth/missing-rights.ts";
import { compactRules, describeRule, ruleAllows } from "../../../engine/auth/policy-rules.ts";
import { rbacMode } from "../../../engine/auth/rbac-authorizer.ts";
import { RbacIndex } from "../../../engine/auth/rbac-index.ts";
import { planBinding, planRole } from "../../../engine/auth/reconcile-roles.ts";
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding } from "../../../engine/resources/types.ts";

const recorded = path.join(path.dirname(fileURLToPath(import.meta.url)), "recorded");
const user = (username: string, ...groups: readonly string[]) => ({ username, groups: [...groups, "system:authenticated"] });
const RBAC = { apiVersion: "rbac.authorization.k8s.io/v1" };

function indexOf(objects: readonly (Role | ClusterRole | RoleBinding | ClusterRoleBinding)[]): RbacIndex {
  const index = new RbacIndex();
  for (const object of objects) "roleRef" in object ? index.setBinding(object) : index.setRole(object);
  return index;
}

const clusterRole = (name: string, rules: readonly PolicyRule[]): ClusterRole => ({ ...RBAC, kind: "ClusterRole", metadata: { name }, rules });
const role = (namespace: string, name: string, rules: readonly PolicyRule[]): Role => ({ ...RBAC, kind: "Role", metadata: { namespace, name }, rules });
const binding = (namespace: string, roleName: string, kind: string, ...subjects: readonly object[]): RoleBinding =>
  ({
    ...RBAC,
    kind: namespace === "" ? "ClusterRoleBinding" : "RoleBinding",
    metadata: { name: `b-${roleName}`, ...(namespace === "" ? {} : { namespace }) },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name: roleName },
    subjects,
  }) as RoleBinding; // subjects are complete for their kind

describe("the default roles", () => {
  const strip = (objects: readonly object[]) =>
    objects
      .map(({ apiVersion: _apiVersion, kind: _kind, ...rest }: { apiVersion?: string; kind?: string; metadata?: { name?: string } }) => rest)
      .sort((a, b) => ((a.metadata?.name ?? "") < (b.metadata?.name ?? "") ? -1 : 1));
  test.each([
    ["cluster-roles", kubernetesRoles.clusterRoles],
    ["cluster-role-bindings", kubernetesRoles.clusterRoleBindings],
    ["roles", kubernetesRoles.roles],
    ["role-bindings", kubernetesRoles.roleBindings],
  ])("are those of a Kubernetes API server: %s", (file, ours) => {
    const theirs = JSON.parse(readFileSync(path.join(recorded, `${file}.json`), "utf8")) as readonly object[];
    expect(strip(ours)).toEqual(strip(theirs));
  });

  const all = [...defaultRoles.clusterRoles, ...defaultRoles.clusterRoleBindings, ...defaultRoles.roles, ...defaultRoles.roleBindings];
  const authorizer = createAuthorizer([rbacMode(indexOf(all), async () => {})]);
  const may = (who: ReturnType<typeof user>, verb: string, full: string, group = "", namespace = "shop") => {
    const [resource = "", subresource] = full.split("/");
    return authorizer.allows({ is: "resource", user: who, verb, group, resource, ...(subresource === undefined ? {} : { subresource }), namespace, name: "x" });
  };

  test.each([
    ["the masters", user("root", "system:masters"), "delete", "nodes", "", true],
    ["the scheduler", user(SCHEDULER_USER), "create", "pods/binding", "", true],
    ["the scheduler", user(SCHEDULER_USER), "get", "secrets", "", false],
    ["the scheduler", user(SCHEDULER_USER), "create", "pods", "", false],
    ["the controllers", user(CONTROLLER_USER), "create", "replicasets", "apps", true],
    ["the controllers", user(CONTROLLER_USER), "patch", "deployments/status", "apps", true],
    ["the controllers", user(CONTROLLER_USER), "create", "deployments", "apps", false],
    ["the Git sync", user(GITOPS_USER), "patch", "deployments", "apps", true],
    ["the Git sync", user(GITOPS_USER), "update", "applications/status", "mainstay.dev", true],
    ["the Git sync", user(GITOPS_USER), "impersonate", "users", "", false],
    ["anybody", user("jane"), "create", "selfsubjectaccessreviews", "authorization.k8s.io", true],
    ["anybody", user("jane"), "get", "pods", "", false],
    [
      "a machine with a token of kubeadm's",
      user("system:bootstrap:abcdef", "system:bootstrappers", "system:bootstrappers:kubeadm:default-node-token"),
      "create",
      "certificatesigningrequests",
      "certificates.k8s.io",
      true,
    ],
    ["a machine with the join token", user("system:bootstrap:mainstay", "system:bootstrappers"), "create", "certificatesigningrequests", "certificates.k8s.io", false],
    ["a joining machine", user("system:bootstrap:abcdef", "system:bootstrappers"), "create", "nodes", "", false],
  ])("%s: %o may %s %s: %s", async (_who, who, verb, resource, group, expected) => {
    expect(await may(who as ReturnType<typeof user>, verb as string, resource as string, group as string)).toBe(expected);
  });

  test("let components lead in kube-system only", async () => {
    expect(await may(user(SCHEDULER_USER), "update", "leases", "coordination.k8s.io", "kube-system")).toBe(true);
    expect(await may(user(SCHEDULER_USER), "update", "leases", "coordination.k8s.io", "shop")).toBe(false);
  });
});

describe("a decision by roles", () => {
  const rules = [{ verbs: ["get"], apiGroups: [""], resources: ["pods", "*/scale"] }];
  const ask = (who: ReturnType<typeof user>, more: Partial<Extract<AuthorizationAttributes, { is: "resource" }>> = {}): AuthorizationAttributes => ({
    is: "resource",
    user: who,
    verb: "get",
    group: "",
    resource: "pods",
    namespace: "shop",
    name: "p",
    ...more,
  });
  const decide = (objects: Parameters<typeof indexOf>[0], attributes: AuthorizationAttributes) => createAuthorizer([rbacMode(indexOf(objects), async () => {})]).decide(attributes);

  test("says which binding of which role allowed it to whom", async () => {
    expect(await decide([role("shop", "reader", rules), binding("shop", "reader", "Role", { kind: "User", name: "jane" })], ask(user("jane")))).toEqual({
      is: "allow",
      reason: 'RBAC: allowed by RoleBinding "b-reader/shop" of Role "reader" to User "jane"',
    });
    expect(await decide([clusterRole("reader", rules), binding("", "reader", "ClusterRole", { kind: "Group", name: "dev" })], ask(user("jane", "dev"), { namespace: "any" }))).toEqual({
      is: "allow",
      reason: 'RBAC: allowed by ClusterRoleBinding "b-reader" of ClusterRole "reader" to Group "dev"',
    });
    const robot = { username: "system:serviceaccount:shop:robot", groups: [] };
    expect(await decide([clusterRole("reader", rules), binding("shop", "reader", "ClusterRole", { kind: "ServiceAccount", name: "robot" })], ask(robot))).toEqual({
      is: "allow",
      reason: 'RBAC: allowed by RoleBinding "b-reader/shop" of ClusterRole "reader" to ServiceAccount "robot/shop"',
    });
  });

  test("ends at the namespace of the binding, the subresource and the name", async () => {
    const objects = [clusterRole("reader", rules), binding("shop", "reader", "ClusterRole", { kind: "User", name: "jane" })];
    expect((await decide(objects, ask(user("jane"), { namespace: "other" }))).is).toBe("none");
    expect((await decide(objects, ask(user("jane"), { namespace: "" }))).is).toBe("none");
    expect((await decide(objects, ask(user("jane"), { subresource: "log" }))).is).toBe("none");
    expect((await decide(objects, ask(user("jane"), { resource: "widgets", subresource: "scale" }))).is).toBe("allow");
    const named = [role("shop", "one", [{ verbs: ["get"], apiGroups: [""], resources: ["pods"], resourceNames: ["p"] }]), binding("shop", "one", "Role", { kind: "User", name: "jane" })];
    expect((await decide(named, ask(user("jane")))).is).toBe("allow");
    expect((await decide(named, ask(user("jane"), { name: "" }))).is).toBe("none");
  });

  test("covers paths by their beginning", async () => {
    const objects = [clusterRole("paths", [{ verbs: ["get"], nonResourceURLs: ["/metrics", "/logs/*"] }]), binding("", "paths", "ClusterRole", { kind: "User", name: "jane" })];
    const at = async (where: string) => (await decide(objects, { is: "path", user: user("jane"), verb: "get", path: where })).is;
    expect([await at("/metrics"), await at("/logs/a/b"), await at("/metrics/x"), await at("/")]).toEqual(["allow", "allow", "none", "none"]);
  });

  test("names roles that are bound and do not exist", async () => {
    expect(await decide([binding("", "gone", "ClusterRole", { kind: "User", name: "jane" })], ask(user("jane")))).toEqual({
      is: "none",
      reason: 'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found',
    });
  });

  test("follows what is taken away", async () => {
    const grant = binding("", "reader", "ClusterRole", { kind: "User", name: "jane" });
    const index = indexOf([clusterRole("reader", rules), grant]);
    const authorizer = createAuthorizer([rbacMode(index, async () => {})]);
    expect(await authorizer.allows(ask(user("jane")))).toBe(true);
    index.setBinding({ ...grant, subjects: [{ kind: "User", name: "joe" }] });
    expect([await authorizer.allows(ask(user("jane"))), await authorizer.allows(ask(user("joe")))]).toEqual([false, true]);
    index.deleteBinding(grant);
    expect(await authorizer.allows(ask(user("joe")))).toBe(false);
  });

  test("looks again at what was granted a moment ago before it refuses", async () => {
    const index = new RbacIndex();
    const authorizer = createAuthorizer([
      rbacMode(index, async () => [clusterRole("reader", rules)].forEach((one) => (index.setRole(one), index.setBinding(binding("", "reader", "ClusterRole", { kind: "User", name: "jane" }))))),
    ]);
    expect(await authorizer.allows(ask(user("jane")))).toBe(true);
  });

  test("is made by the first mode that has an opinion", async () => {
    expect(await createAuthorizer([alwaysDenyMode]).decide(ask(user("jane")))).toEqual({ is: "none", reason: "Everything is forbidden." });
    expect((await createAuthorizer([alwaysDenyMode, alwaysAllowMode]).decide(ask(user("jane")))).is).toBe("allow");
    expect((await createAuthorizer([alwaysDenyMode]).decide(ask(user("root", "system:masters")))).is).toBe("allow");
  });
});

describe("a refusal", () => {
  test("says who may not do what, where, and why", () => {
    const attributes: AuthorizationAttributes = { is: "resource", user: user("u"), verb: "list", group: "apps", resource: "deployments", namespace: "", name: "" };
    expect(accessDenied(attributes).message).toBe('deployments.apps is forbidden: User "u" cannot list resource "deployments" in API group "apps" at the cluster scope');
    expect(accessDenied({ ...attributes, group: "", resource: "pods", subresource: "log", namespace: "n", name: "p", verb: "get" }, "because").message).toBe(
      'pods "p" is forbidden: User "u" cannot get resource "pods/log" in API group "" in the namespace "n": because',
    );
    expect(accessDenied({ is: "path", user: user("u"), verb: "get", path: "/metrics" }).message).toBe('forbidden: User "u" cannot get path "/metrics"');
  });
});

describe("rights", () => {
  const pods = (verbs: readonly string[], more: Partial<PolicyRule> = {}): PolicyRule => ({ verbs, apiGroups: [""], resources: ["pods"], ...more });
  test.each<[string, PolicyRule[], PolicyRule[], string[]]>([
    ["more verbs than held", [pods(["get"])], [pods(["get", "list", "watch"])], ['{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}']],
    ["all names where some are held", [pods(["get"], { resourceNames: ["a"] })], [pods(["get"])], ['{APIGroups:[""], Resources:["pods"], Verbs:["get"]}']],
    ["some names where all are held", [pods(["get"])], [pods(["get"], { resourceNames: ["a"] })], []],
    [
      "a subresource by its own",
      [{ verbs: ["get"], apiGroups: [""], resources: ["*/log"] }],
      [pods(["get"], { resources: ["pods/log", "pods/exec"] })],
      ['{APIGroups:[""], Resources:["pods/exec"], Verbs:["get"]}'],
    ],
    ["every verb needs every verb", [pods(["get", "list"])], [pods(["*"])], ['{APIGroups:[""], Resources:["pods"], Verbs:["*"]}']],
    ["paths below a held one", [{ verbs: ["get"], nonResourceURLs: ["/a/*"] }], [{ verbs: ["get"], nonResourceURLs: ["/a/b", "/c"] }], ['{NonResourceURLs:["/c"], Verbs:["get"]}']],
  ])("that are missing: %s", (_what, held, wanted, missing) => {
    expect(compactRules(missingRights(held, wanted)).map(describeRule)).toEqual(missing);
  });
});

describe("rights that stand for many", () => {
  const several = (letter: string, count = 3000) => Array.from({ length: count }, (_, index) => `${letter}${index}`);
  test("are told of up to a number, however many they are", () => {
    const missing = missingRights([{ verbs: ["get"], apiGroups: ["*"], resources: ["r1"] }], [{ verbs: several("v"), apiGroups: several("g"), resources: several("r"), resourceNames: several("n") }]);
    expect(missing).toHaveLength(1000);
  });

  test("are judged together where the same rules are about them", () => {
    const wanted = { verbs: several("v"), apiGroups: several("g"), resources: several("r"), resourceNames: several("n") };
    expect(
      missingRights(
        [
          { ...wanted, verbs: wanted.verbs.slice(0, 2000) },
          { ...wanted, resourceNames: [], verbs: wanted.verbs.slice(1000) },
        ],
        [wanted],
      ),
    ).toEqual([]);
    expect(
      missingRights(
        [
          { ...wanted, verbs: wanted.verbs.slice(1) },
          { ...wanted, apiGroups: ["*"], verbs: ["*"], resources: wanted.resources.slice(1) },
        ],
        [{ ...wanted, apiGroups: ["g5"], resourceNames: ["n6"] }],
      ),
    ).toEqual([{ verbs: ["v0"], apiGroups: ["g5"], resources: ["r0"], resourceNames: ["n6"] }]);
  });

  test("are missing exactly where no single rule allows them", () => {
    const few = (letters: string, least = 1) => fc.subarray([...letters], { minLength: least });
    const rule = fc.record({ verbs: few("ab*"), apiGroups: few("cd*"), resources: fc.subarray(["e", "f/g", "h/g", "*/g", "*"], { minLength: 1 }), resourceNames: few("mn", 0) });
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 5 }), rule, (held, wanted) => {
        const singles = ({ verbs, apiGroups = [], resources = [], resourceNames = [] }: PolicyRule) =>
          apiGroups.flatMap((group) => resources.flatMap((resource) => (resourceNames.length === 0 ? [""] : resourceNames).flatMap((name) => verbs.map((verb) => ({ group, resource, name, verb })))));
        const isHeld = ({ group, resource, name, verb }: ReturnType<typeof singles>[number]) => {
          const [base = "", subresource] = resource.split("/");
          return held.some((one) =>
            ruleAllows(one, {
              is: "resource",
              user: user("u"),
              verb,
              group,
              resource: base,
              ...(subresource === undefined ? {} : { subresource }),
              namespace: "",
              name: name === "" ? "any other" : name,
            }),
          );
        };
        const key = (single: ReturnType<typeof singles>[number]) => JSON.stringify(single);
        expect(missingRights(held, [wanted]).flatMap(singles).map(key).sort()).toEqual(
          singles(wanted)
            .filter((single) => !isHeld(single))
            .map(key)
            .sort(),
        );
      }),
    );
  });
});

describe("at every start a default role", () => {
  const expected = defaultRoles.clusterRoles.find(({ metadata }) => metadata.name === "system:basic-user") as ClusterRole;
  test("that is missing is made, and one that is right left alone", () => {
    expect(planRole(expected, undefined)).toEqual({ do: "create", object: expected });
    expect(planRole(expected, { ...expected, metadata: { ...expected.metadata, uid: "u" } })).toEqual({ do: "nothing" });
  });

  test("gets back what it lacks and keeps what was added", () => {
    const extra = { verbs: ["get"], apiGroups: [""], resources: ["pods"] };
    const plan = planRole(expected, { ...expected, rules: [extra, ...(expected.rules ?? []).slice(1)] });
    expect(plan).toEqual({ do: "update", object: { ...expected, rules: [extra, ...(expected.rules ?? []).slice(1), ...(expected.rules ?? []).slice(0, 1)] } });
    expect(planRole(expected, { ...expected, rules: [...(expected.rules ?? []), extra] })).toEqual({ do: "nothing" });
  });

  test("stays as it is when its annotation says so", () => {
    const annotations = { "rbac.authorization.kubernetes.io/autoupdate": "false" };
    expect(planRole(expected, { ...expected, metadata: { ...expected.metadata, annotations }, rules: [] })).toEqual({ do: "nothing" });
  });

  test("keeps rules that the aggregation has put in", () => {
    const admin = defaultRoles.clusterRoles.find(({ metadata }) => metadata.name === "admin") as ClusterRole;
    expect(planRole(admin, { ...admin, rules: [{ verbs: ["*"], apiGroups: ["x"], resources: ["*"] }] })).toEqual({ do: "nothing" });
  });

  test("binding is made anew when it grants another role, and gets its subjects back", () => {
    const wanted = defaultRoles.clusterRoleBindings.find(({ metadata }) => metadata.name === "system:discovery") as ClusterRoleBinding;
    expect(planBinding(wanted, { ...wanted, roleRef: { ...wanted.roleRef, name: "cluster-admin" } })).toEqual({ do: "recreate", object: wanted });
    expect(planBinding(wanted, { ...wanted, subjects: [{ kind: "User", name: "x" }] })).toMatchObject({
      do: "update",
      object: { subjects: [{ kind: "User", name: "x" }, ...(wanted.subjects ?? [])] },
    });
  });
});
