import { expect, describe, test } from "vitest";
import { ImpersonationMetrics } from "../../../engine/auth/auth-metrics.ts";
import { Impersonator } from "../../../engine/auth/authentication/impersonate.ts";
import { createAuthorizer, type AuthorizationAttributes } from "../../../engine/auth/authorize.ts";
import type { UserInfo } from "../../../engine/apimachinery/api-request.ts";
import { MetricsRegistry } from "../../../engine/lib/metrics.ts";
import { attributesOfAddress } from "../../../engine/server/request-attributes.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const jane: UserInfo = { username: "jane", groups: ["system:authenticated"] };
const list = (user: UserInfo) => () => attributesOfAddress("GET", new URL("https://here/api/v1/namespaces/shop/pods?labelSelector=a"), user);

/** A right: a verb, a group, what it is on, and whose. */
function rightOf(attributes: AuthorizationAttributes): string {
  if (attributes.is === "path") return `${attributes.verb} ${attributes.path}`;
  const { verb, group, resource, subresource, namespace, name } = attributes;
  return `${verb} ${group}/${resource}${subresource === undefined ? "" : `/${subresource}`} ${namespace}/${name}`;
}

/** Allows what is in the list, and keeps what it was asked. */
function allowing(...rights: readonly string[]) {
  const asked: string[] = [];
  const users: UserInfo[] = [];
  const authorizer = createAuthorizer([
    { decide: (attributes) => (asked.push(rightOf(attributes)), users.push(attributes.user), { is: rights.includes(rightOf(attributes)) ? "allow" : "none", reason: "" }) },
  ]);
  const metrics = new MetricsRegistry();
  const impersonator = new Impersonator(authorizer, new ImpersonationMetrics(metrics, new VirtualClock()));
  const as = (headers: Record<string, string | string[]>, caller = jane) => impersonator.userOf(caller, headers, list(caller));
  /** How often something was counted, under a metric's name after that of all of them. */
  const counts = (name: string) =>
    Object.fromEntries(
      [...metrics.render().matchAll(new RegExp(`^apiserver_impersonation_${name}\\{decision="(\\w+)",mode="([\\w-]*)"\\} (\\d+)$`, "gm"))].map(([, decision = "", mode = "", count]) => [
        `${decision} ${mode}`.trim(),
        Number(count),
      ]),
    );
  return { as, asked, users, counts };
}

describe("the right to be somebody in everything", () => {
  test("is one to each part of him", async () => {
    const headers = { "impersonate-user": "joe", "impersonate-group": ["dev", "ops"], "impersonate-uid": "7", "impersonate-extra-example.com%2fscope": "view" };
    const rights = [
      "impersonate /users /joe",
      "impersonate authentication.k8s.io/uids /7",
      "impersonate /groups /dev",
      "impersonate /groups /ops",
      "impersonate authentication.k8s.io/userextras/example.com/scope /view",
    ];
    const { as, asked } = allowing(...rights);
    expect(await as(headers)).toEqual({ user: { username: "joe", uid: "7", groups: ["dev", "ops", "system:authenticated"], extra: { "example.com/scope": ["view"] } } });
    expect(asked).toEqual(["impersonate-on:user-info:list /pods shop/", ...rights]);
    for (const missing of rights) await expect(allowing(...rights.filter((right) => right !== missing)).as(headers)).rejects.toMatchObject({ status: { code: 403 } });
  });

  test("is asked for as the headers say it: in UTF-8, with all values of a key however that is written, and with a key of no letters", async () => {
    const joerg = Buffer.from("jörg").toString("latin1"); // as Node reads what is written in UTF-8
    const { as } = allowing(
      "impersonate /users /jörg",
      "impersonate /groups /jörg",
      "impersonate authentication.k8s.io/userextras/foo /1",
      "impersonate authentication.k8s.io/userextras/foo /2",
      "impersonate authentication.k8s.io/userextras /3",
    );
    const headers = { "impersonate-user": joerg, "impersonate-group": joerg, "impersonate-extra-foo": "1", "impersonate-extra-%66oo": "2", "impersonate-extra-": "3" };
    expect((await as(headers)).user).toEqual({ username: "jörg", groups: ["jörg", "system:authenticated"], extra: { foo: ["1", "2"], "": ["3"] } });
  });

  test("makes a service account with its groups, and nobody with nobody's", async () => {
    const { as } = allowing("impersonate /serviceaccounts shop/robot", "impersonate /users /system:anonymous");
    expect((await as({ "impersonate-user": "system:serviceaccount:shop:robot" })).user.groups).toEqual(["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"]);
    expect((await as({ "impersonate-user": "system:anonymous" })).user.groups).toEqual(["system:unauthenticated"]);
  });

  test("is asked of nobody who is himself, and whoever is wanted must be named", async () => {
    const { as, asked } = allowing();
    expect((await as({})).user).toBe(jane);
    expect((await as({ "impersonate-user": "" })).user).toBe(jane);
    await expect(as({ "impersonate-group": "dev" })).rejects.toMatchObject({ status: { code: 400, message: expect.stringContaining("without impersonating a user") } });
    expect(asked).toEqual([]);
  });
});

describe("the right to be somebody for some verbs", () => {
  const onList = (mode: string) => `impersonate-on:${mode}:list /pods shop/`;

  test("covers all parts of a user, who is none of the cluster's own", async () => {
    const { as } = allowing(onList("user-info"), "impersonate:user-info authentication.k8s.io/users /joe", "impersonate:user-info authentication.k8s.io/groups /dev");
    expect(await as({ "impersonate-user": "joe", "impersonate-group": "dev" })).toEqual({ user: { username: "joe", groups: ["dev", "system:authenticated"] }, constraint: "impersonate:user-info" });
    await expect(as({ "impersonate-user": "system:serviceaccount:shop:robot" })).rejects.toMatchObject({
      status: { message: expect.stringContaining("cannot impersonate-on:serviceaccount:list resource") },
    });
  });

  test("is refused with its first reason: a verb that is not among them, or a user who is not", async () => {
    await expect(allowing("impersonate:user-info authentication.k8s.io/users /joe").as({ "impersonate-user": "joe" })).rejects.toMatchObject({
      status: { code: 403, message: 'pods is forbidden: User "jane" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "shop"' },
    });
    await expect(allowing(onList("user-info")).as({ "impersonate-user": "joe" })).rejects.toMatchObject({
      status: { message: 'users.authentication.k8s.io "joe" is forbidden: User "jane" cannot impersonate:user-info resource "users" in API group "authentication.k8s.io" at the cluster scope' },
    });
  });

  test("never makes an administrator, nor what has no name", async () => {
    const rights = [
      onList("user-info"),
      "impersonate:user-info authentication.k8s.io/users /joe",
      "impersonate:user-info authentication.k8s.io/groups /*",
      "impersonate:user-info authentication.k8s.io/userextras/* /*",
    ];
    const refused = (headers: Record<string, string | string[]>) => expect(allowing(...rights).as({ "impersonate-user": "joe", ...headers })).rejects;
    await refused({ "impersonate-group": ["a", "b", "c", "system:masters"] }).toMatchObject({ status: { message: expect.stringContaining("impersonating the system:masters group is not allowed") } });
    await refused({ "impersonate-extra-scope": "view" }).toMatchObject({ status: { message: expect.stringContaining("domain-prefixed path") } });
    await refused({ "impersonate-extra-scope": "view" }).toMatchObject({ status: { message: expect.stringContaining('not allowed: extra.key: Invalid value: "scope": must be a') } });
    await refused({ "impersonate-extra-example.com%2fscope": "" }).toMatchObject({ status: { message: expect.stringContaining("impersonating the empty string value in extra is not allowed") } });
    await refused({ "impersonate-extra-example.com%2fscope": [] }).toMatchObject({ status: { message: expect.stringContaining("empty values") } });
    await refused({ "impersonate-group": ["a", ""] }).toMatchObject({ status: { message: expect.stringContaining("impersonating the empty string group is not allowed") } });
  });

  test("to all groups is asked for once when they are many", async () => {
    const { as, asked } = allowing(onList("user-info"), "impersonate:user-info authentication.k8s.io/users /joe", "impersonate:user-info authentication.k8s.io/groups /*");
    expect((await as({ "impersonate-user": "joe", "impersonate-group": ["a", "b", "c", "d"] })).user.groups).toEqual(["a", "b", "c", "d", "system:authenticated"]);
    expect(asked).toHaveLength(3);
  });

  test("is another one for service accounts and for nodes, which have the groups of their kind", async () => {
    const account = allowing(onList("serviceaccount"), "impersonate:serviceaccount authentication.k8s.io/serviceaccounts shop/robot");
    expect(await account.as({ "impersonate-user": "system:serviceaccount:shop:robot" })).toMatchObject({
      user: { groups: ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"] },
      constraint: "impersonate:serviceaccount",
    });
    const node = allowing(onList("arbitrary-node"), "impersonate:arbitrary-node authentication.k8s.io/nodes /n1");
    expect(await node.as({ "impersonate-user": "system:node:n1" })).toEqual({
      user: { username: "system:node:n1", groups: ["system:nodes", "system:authenticated"] },
      constraint: "impersonate:arbitrary-node",
    });
    await expect(node.as({ "impersonate-user": "system:node:n1", "impersonate-group": "system:masters" })).rejects.toMatchObject({ status: { code: 403 } });
  });

  test("to be the node one runs on is the same on every node", async () => {
    const robot: UserInfo = { username: "system:serviceaccount:shop:robot", groups: [], extra: { "authentication.kubernetes.io/node-name": ["n1"], "authentication.kubernetes.io/pod-name": ["p"] } };
    const { as, users } = allowing(onList("associated-node"), "impersonate:associated-node authentication.k8s.io/nodes /*");
    expect(await as({ "impersonate-user": "system:node:n1" }, robot)).toEqual({
      user: { username: "system:node:n1", groups: ["system:nodes", "system:authenticated"] },
      constraint: "impersonate:associated-node",
    });
    expect(users[0]?.extra).toEqual({ "authentication.kubernetes.io/associated-node-keys": ["authentication.kubernetes.io/node-name", "authentication.kubernetes.io/pod-name"] });
    await expect(as({ "impersonate-user": "system:node:n2" }, robot)).rejects.toMatchObject({ status: { message: expect.stringContaining("arbitrary-node") } });
  });
});

test("the mode by which a caller came through last is tried first, and the others when it is not enough", async () => {
  const rights = [
    "impersonate /users /joe",
    "impersonate /serviceaccounts shop/robot",
    "impersonate-on:serviceaccount:list /pods shop/",
    "impersonate:serviceaccount authentication.k8s.io/serviceaccounts shop/robot",
  ];
  const { as, asked } = allowing(...rights);
  const asJoe = { "impersonate-user": "joe" };
  expect(await as(asJoe)).not.toHaveProperty("constraint");
  expect(asked.splice(0)).toEqual(["impersonate-on:user-info:list /pods shop/", "impersonate /users /joe"]);
  await as(asJoe);
  expect(asked.splice(0)).toEqual(["impersonate /users /joe"]);
  // Of another caller nothing is known yet.
  await as(asJoe, { username: "ann", groups: [] });
  expect(asked.splice(0)).toHaveLength(2);
  // What was enough once is enough, also where a narrower right would do.
  expect(await as({ "impersonate-user": "system:serviceaccount:shop:robot" })).not.toHaveProperty("constraint");
  expect(asked.splice(0)).toEqual(["impersonate /serviceaccounts shop/robot"]);
  await expect(as({ "impersonate-user": "bob" })).rejects.toMatchObject({
    status: { message: 'users "bob" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope' },
  });
  expect(asked.splice(0)).toEqual(["impersonate /users /bob", "impersonate-on:user-info:list /pods shop/"]);
});

test("attempts and the questions behind them are counted by mode and decision", async () => {
  const { as, counts } = allowing("impersonate /users /joe", "impersonate-on:serviceaccount:list /pods shop/", "impersonate:serviceaccount authentication.k8s.io/serviceaccounts shop/robot");
  await as({});
  await as({ "impersonate-user": "joe" });
  await as({ "impersonate-user": "system:serviceaccount:shop:robot" });
  await as({ "impersonate-user": "bob" }).catch(() => {});
  await as({ "impersonate-group": "dev" }).catch(() => {});
  expect(counts("attempts_total")).toEqual({ "allowed legacy": 1, "allowed serviceaccount": 1, denied: 1 });
  expect(counts("attempts_duration_seconds_count")).toEqual(counts("attempts_total"));
  const questions = { "denied user-info": 2, "allowed legacy": 1, "denied legacy": 2, "allowed serviceaccount": 2 };
  expect(counts("authorization_attempts_total")).toEqual(questions);
  expect(counts("authorization_attempts_duration_seconds_count")).toEqual(questions);
});
