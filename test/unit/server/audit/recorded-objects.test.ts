import { expect, test } from "vitest";
import { systemClock } from "../../../../engine/lib/clock.ts";
import { MetricsRegistry } from "../../../../engine/lib/metrics.ts";
import { deploymentResource } from "../../../../engine/resources/apps/deployment.ts";
import { configMapResource } from "../../../../engine/resources/core/config-map.ts";
import { namespaceResource } from "../../../../engine/resources/core/namespace.ts";
import { podResource } from "../../../../engine/resources/core/pod.ts";
import type { AuditEvent } from "../../../../engine/server/audit/audit-event.ts";
import { Auditor } from "../../../../engine/server/audit/auditor.ts";
import { adminUser, startTestApi } from "../../../kit/test-api.ts";

/** What is recorded of a server's life from here on, without the beginnings of requests. */
async function recordedApi() {
  const events: AuditEvent[] = [];
  const auditor = new Auditor({
    policy: { rules: [{ level: "RequestResponse", omitStages: ["RequestReceived"] }] },
    sinks: [{ write: (event) => void events.push(event), close: async () => {} }],
    clock: systemClock,
    metrics: new MetricsRegistry(),
  });
  const api = await startTestApi({ auditor });
  events.splice(0);
  return { ...api, events };
}

test("a record shows an object that was sent as it was read: with its kind and its defaults, without what nobody knows", async () => {
  const { client, events } = await recordedApi();
  const body = { metadata: { name: "p", namespace: "default" }, spec: { containers: [{ name: "c", image: "i:1", odd: 1 }] } } as never; // as a client may leave out what it is
  await client.for(podResource).create(body);
  expect(events[0]?.requestObject).toMatchObject({
    kind: "Pod",
    apiVersion: "v1",
    spec: { restartPolicy: "Always", containers: [{ name: "c", imagePullPolicy: "IfNotPresent", resources: {} }] },
    status: {},
  });
  expect(JSON.stringify(events[0]?.requestObject)).not.toContain("odd");
});

test("of a body that cannot be read nothing is shown", async () => {
  const { client, events } = await recordedApi();
  await expect(client.for(configMapResource).create({ metadata: { name: "c", namespace: "default" }, data: [] } as never)).rejects.toThrow("cannot be handled");
  expect(events[0]).toMatchObject({ objectRef: { name: "c" }, responseStatus: { code: 400 } });
  expect(events[0]).not.toHaveProperty("requestObject");
});

test("of a body of more parts than any store takes nothing is worked out", async () => {
  const { client, events } = await recordedApi();
  const containers = Array.from({ length: 100_000 }, () => ({}));
  const pod = { metadata: { name: "p", namespace: "default" }, spec: { containers } } as never; // as no client of ours would
  await expect(client.for(podResource).create(pod)).rejects.toThrow("too large");
  expect(events[0]).toMatchObject({ objectRef: { name: "p" }, responseStatus: { code: 413 } });
  expect(events[0]).not.toHaveProperty("requestObject");
});

test("of a request for replicas the Scale is shown", async () => {
  const { client, server, events } = await recordedApi();
  const labels = { a: "b" };
  const spec = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "i" }] } } };
  await client.for(deploymentResource).create({ metadata: { name: "d", namespace: "default" }, spec } as never); // as above
  const body = { metadata: { name: "d" }, spec: { replicas: 3 } };
  await server.handle({
    verb: "update",
    resource: deploymentResource,
    subresource: "scale",
    namespace: "default",
    name: "d",
    body,
    options: {},
    user: adminUser,
    userAgent: "",
    signal: new AbortController().signal,
  });
  expect(events.at(-1)).toMatchObject({ objectRef: { subresource: "scale" }, requestObject: { kind: "Scale", apiVersion: "autoscaling/v1", spec: { replicas: 3 } } });
});

test("another kind below an object is named", async () => {
  const { client, events } = await recordedApi();
  await client.for(podResource).create({ metadata: { name: "p", namespace: "default" }, spec: { containers: [{ name: "c", image: "i" }] } } as never); // as above
  await client.for(podResource).createSubresource("default", "p", "binding", { metadata: { name: "p" }, target: { kind: "Node", name: "n1" } } as never);
  expect(events.at(-1)?.requestObject).toMatchObject({ kind: "Binding", apiVersion: "v1", target: { name: "n1" } });
  expect(events.at(-1)?.responseObject).toMatchObject({ kind: "Status", code: 201 });
});

test("a list says what its objects are, and where it goes on", async () => {
  const { client, events } = await recordedApi();
  for (const name of ["a", "b"]) await client.for(configMapResource).create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" } });
  await client.for(configMapResource).list("default", { limit: 1 });
  const listed = events.at(-1)?.responseObject as { readonly items: readonly object[] }; // what was just asked for
  expect(listed).toMatchObject({ kind: "ConfigMapList", apiVersion: "v1", metadata: { continue: expect.any(String) as string, remainingItemCount: 1 } });
  expect(listed.items[0]).not.toHaveProperty("kind");
});

test("a namespace is in itself, and what has gone has no code", async () => {
  const { client, events } = await recordedApi();
  await client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
  await client.for(namespaceResource).get("", "shop");
  expect(events.at(-1)?.objectRef).toEqual({ resource: "namespaces", namespace: "shop", name: "shop", apiVersion: "v1" });
  await client.for(configMapResource).create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", namespace: "default" } });
  await client.for(configMapResource).delete("default", "c");
  expect(events.at(-1)?.responseObject).toMatchObject({ kind: "Status", status: "Success" });
  expect(events.at(-1)?.responseObject).not.toHaveProperty("code");
});
