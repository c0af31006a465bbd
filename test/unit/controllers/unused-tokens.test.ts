import { describe, expect, test } from "vitest";
import { planUnusedTokens, type UnusedTokenInputs } from "../../../engine/controllers/tokens/unused-tokens.ts";
import type { Secret, ServiceAccount } from "../../../engine/resources/types.ts";
import { aPod } from "../../kit/objects.ts";

const DAY_MS = 24 * 3_600_000;
/** Noon: what is said in days must not depend on the hour. */
const NOW = Date.UTC(2030, 5, 30, 12);
const UNUSED_MS = 10 * DAY_MS;
const day = (daysAgo: number) => new Date(NOW - daysAgo * DAY_MS).toISOString().slice(0, 10);

const robot: ServiceAccount = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "robot", namespace: "default", uid: "uid-robot" }, secrets: [{ name: "token" }] };
interface TokenShape {
  readonly name?: string;
  readonly createdDaysAgo?: number;
  readonly lastUsed?: string;
  readonly invalidSince?: string;
  readonly accountUid?: string;
  readonly isLeaving?: boolean;
}
function token({ name = "token", createdDaysAgo = 100, lastUsed, invalidSince, accountUid = "uid-robot", isLeaving = false }: TokenShape = {}): Secret {
  const labels = {
    ...(lastUsed === undefined ? {} : { "kubernetes.io/legacy-token-last-used": lastUsed }),
    ...(invalidSince === undefined ? {} : { "kubernetes.io/legacy-token-invalid-since": invalidSince }),
  };
  const annotations = { "kubernetes.io/service-account.name": "robot", "kubernetes.io/service-account.uid": accountUid };
  const created = new Date(NOW - createdDaysAgo * DAY_MS).toISOString();
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: "kubernetes.io/service-account-token",
    metadata: { name, namespace: "default", labels, annotations, creationTimestamp: created, ...(isLeaving ? { deletionTimestamp: created } : {}) },
  };
}
function plan(secret: Secret, more: Partial<UnusedTokenInputs> = {}): readonly string[] {
  const actions = planUnusedTokens({ secrets: [secret], accounts: [robot], pods: [], trackedSince: day(50), ...more }, UNUSED_MS, NOW);
  return actions.map((action) => (action.do === "patch" ? `mark ${JSON.stringify(action.patch)}` : action.do));
}
const MARK = [`mark {"metadata":{"labels":{"kubernetes.io/legacy-token-invalid-since":"${day(0)}"}}}`];

describe("a token that was made for every account", () => {
  test.each<[string, Secret, readonly string[]]>([
    ["is marked when nobody ever used it", token(), MARK],
    ["is marked when nobody used it for long", token({ lastUsed: day(11) }), MARK],
    ["is marked anew when its mark is no day", token({ invalidSince: "soon" }), MARK],
    ["stays when it was used since", token({ lastUsed: day(10) }), []],
    ["stays when its last use cannot be read", token({ lastUsed: "yesterday" }), []],
    ["stays while it is young", token({ createdDaysAgo: 9 }), []],
    ["stays for a while after it was marked", token({ invalidSince: day(10) }), []],
    ["goes some time after it was marked", token({ invalidSince: day(11) }), ["delete"]],
    ["stays when somebody tried to use it after it was marked", token({ invalidSince: day(11), lastUsed: day(3) }), []],
    ["is left alone when it is leaving", token({ isLeaving: true }), []],
    ["is left alone when it is another account's of that name", token({ accountUid: "uid-before" }), []],
  ])("%s", (_name, secret, expected) => expect(plan(secret)).toEqual(expected));

  test("stays while a pod of its namespace refers to it", () => {
    const volumes = [{ name: "v", secret: { secretName: "token" } }];
    const mounting = aPod("p", { namespace: "default" });
    expect(plan(token(), { pods: [{ ...mounting, spec: { ...mounting.spec, volumes } }] })).toEqual([]);
    expect(plan(token(), { pods: [{ ...mounting, metadata: { ...mounting.metadata, namespace: "other" }, spec: { ...mounting.spec, volumes } }] })).toEqual(MARK);
  });
  test("stays until uses have been noted for the whole time", () => {
    expect(plan(token(), { trackedSince: day(10) })).toEqual([]);
    expect(plan(token(), { trackedSince: day(11) })).toEqual(MARK);
    for (const trackedSince of [undefined, "always"]) expect(plan(token(), { trackedSince })).toEqual([]);
  });
});

test("a token that somebody asked for stays, used or not", () => {
  expect(plan(token({ name: "mine" }))).toEqual([]);
  expect(plan(token(), { accounts: [] })).toEqual([]);
});
