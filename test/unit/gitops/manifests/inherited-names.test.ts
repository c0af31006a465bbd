import { describe, expect, test } from "vitest";
import type { Client } from "../../../../engine/client/client.ts";
import { readRepositoryAccess } from "../../../../engine/gitops/git/repository-access.ts";
import { valueByNames } from "../../../../engine/gitops/manifests/edit-manifest.ts";
import { valueAt, withExistingField, withoutField } from "../../../../engine/apimachinery/field-path.ts";
import { readOrder } from "../../../../engine/gitops/manifests/object-order.ts";
import { renderNotification } from "../../../../engine/gitops/notify/notifications.ts";
import { computeFieldChanges } from "../../../../engine/gitops/plan/field-diff.ts";
import { computeQuotaAfter } from "../../../../engine/gitops/plan/plan-quota.ts";
import { deployKeyMay } from "../../../../engine/gitops/push/git-access.ts";

/** What every object of the language has by itself, and no file has written. */
describe.each(["constructor", "toString", "__proto__"])("the name %s", (name) => {
  const map = (data: Readonly<Record<string, string>>) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data });
  const secret = (data: Readonly<Record<string, string>>) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s" },
    data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString("base64")])),
  });

  test("is no moment of a hook", () => {
    expect(readOrder({ metadata: { annotations: { "mainstay.dev/hook": name } } })).toMatchObject({ is: "faulty" });
  });

  test("is no field of an object that does not have it, and one of an object that has", () => {
    const own = JSON.parse(`{"${name}":"x"}`) as unknown;
    expect([valueAt({}, [name]), valueByNames({}, [name])]).toEqual([undefined, undefined]);
    expect([valueAt(own, [name]), valueByNames(own, [name])]).toEqual(["x", "x"]);
    expect(Object.keys(withExistingField({}, [name], "y"))).toEqual([]);
    expect(JSON.stringify(withExistingField(own, [name], "y"))).toBe(`{"${name}":"y"}`);
    expect(withoutField(own, [name])).toEqual({});
  });

  test("is new where it is written first", () => {
    const changes = computeFieldChanges(map({}), map(JSON.parse(`{"${name}":"x"}`) as Record<string, string>));
    expect(changes.map(({ from, to }) => [from, to])).toEqual([[undefined, "x"]]);
  });

  test("is no limit of a quota that a plan comes nearer to, no access of a deploy key, no field of a Secret or notification", async () => {
    const quota = { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "q", namespace: "n" }, spec: { hard: JSON.parse(`{"${name}":"1"}`) as Record<string, string> } };
    expect(computeQuotaAfter([quota], { waves: [] }, [], [])).toEqual([]);
    expect(deployKeyMay(secret({ access: name, repository: "*" }), "fetch", "r")).toBe(false);
    const client = { for: () => ({ get: async () => secret({ username: "u", [name]: "x" }) }) } as unknown as Client;
    expect(JSON.stringify(await readRepositoryAccess(client, "a/b"))).toBe('{"username":"u"}');
    const notification = { event: "degraded", cluster: "c", application: "a", commit: "", subject: "", author: "", reason: "" } as const;
    expect(renderNotification(notification, `\${${name}} \${cluster}`)).toBe(`\${${name}} c`);
  });
});
