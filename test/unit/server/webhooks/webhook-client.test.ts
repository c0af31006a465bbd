import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seededRandom } from "../../../../engine/lib/random.ts";
import { serviceResource } from "../../../../engine/resources/core/service.ts";
import { endpointSliceResource } from "../../../../engine/resources/discovery/endpoint-slice.ts";
import { describeCallError } from "../../../../engine/lib/call-error.ts";
import { serviceResolver } from "../../../../engine/server/webhooks/resolve-service.ts";
import { webhookUrl } from "../../../../engine/server/webhooks/webhook-client.ts";
import { createTestNamespace, startTestApi, type TestApi } from "../../../kit/test-api.ts";

describe("a Service's webhook", () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi();
    await createTestNamespace(api.client, "shop");
    await api.client
      .for(serviceResource)
      .create({ apiVersion: "v1", kind: "Service", metadata: { name: "hook", namespace: "shop" }, spec: { ports: [{ name: "https", port: 443, targetPort: 9443 }] } });
    await api.client.for(serviceResource).create({ apiVersion: "v1", kind: "Service", metadata: { name: "empty", namespace: "shop" }, spec: { ports: [{ port: 443 }] } });
    await api.client
      .for(serviceResource)
      .create({ apiVersion: "v1", kind: "Service", metadata: { name: "outside", namespace: "shop" }, spec: { type: "ExternalName", externalName: "hook.example.com" } });
    const endpoints = [
      { addresses: ["10.0.0.1"], conditions: { ready: false } },
      { addresses: ["10.0.0.2"], conditions: { ready: true } },
    ];
    await api.client.for(endpointSliceResource).create({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name: "hook-1", namespace: "shop", labels: { "kubernetes.io/service-name": "hook" } },
      addressType: "IPv4",
      ports: [{ name: "https", port: 9443, protocol: "TCP" }],
      endpoints,
    });
  });
  afterAll(() => api.stop());

  test("is found at a ready endpoint of the port, or by its outside name", async () => {
    const resolve = serviceResolver(api.store, seededRandom(1));
    expect(await resolve({ namespace: "shop", name: "hook", port: 443 })).toMatchObject({ host: "10.0.0.2", port: 9443 });
    expect(await resolve({ namespace: "shop", name: "outside", port: 8443 })).toEqual({ host: "hook.example.com", port: 8443 });
    await expect(resolve({ namespace: "shop", name: "gone", port: 443 })).rejects.toThrow('service "gone" not found');
    await expect(resolve({ namespace: "shop", name: "empty", port: 443 })).rejects.toThrow('no endpoints available for service "empty"');
    await expect(resolve({ namespace: "shop", name: "hook", port: 80 })).rejects.toThrow('no service port "80" found for service "hook"');
  });
});

test.each([
  [{ url: "https://a.example.com/x" }, "https://a.example.com/x"],
  [{ service: { namespace: "n", name: "s" } }, "https://s.n.svc:443"],
  [{ service: { namespace: "n", name: "s", path: "a", port: 8443 } }, "https://s.n.svc:8443/a"],
])("%j is called by its address", (endpoint, url) => expect(webhookUrl(endpoint)).toBe(url));

test.each<[object, string]>([
  [{ code: "ECONNREFUSED", address: "::1", port: 443 }, "dial tcp [::1]:443: connect: connection refused"],
  [{ code: "EHOSTUNREACH", address: "10.0.0.9", port: 443 }, "dial tcp 10.0.0.9:443: connect: no route to host"],
  [{ code: "ENOTFOUND", hostname: "a.example.com" }, "dial tcp: lookup a.example.com: no such host"],
  [{ code: "SELF_SIGNED_CERT_IN_CHAIN" }, "tls: failed to verify certificate: x509: certificate signed by unknown authority"],
  [{ code: "ERR_TLS_CERT_ALTNAME_INVALID", host: "b", cert: { subjectaltname: "DNS:a, IP Address:10.0.0.1" } }, "tls: failed to verify certificate: x509: certificate is valid for a, 10.0.0.1, not b"],
  [{ code: "CERT_HAS_EXPIRED" }, "tls: failed to verify certificate: x509: certificate has expired or is not yet valid"],
  [{}, "as it is"],
])("%j is told as Kubernetes would", (properties, text) => expect(describeCallError(Object.assign(new Error("as it is"), properties))).toBe(text));
