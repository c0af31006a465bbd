import { describe, expect, it } from "vitest";
import type { EndpointSlice, Pod, Service } from "../../../../engine/resources/types.ts";
import { takeProtocolToken } from "../../../../engine/server/http/protocol-token.ts";
import { computeNodeMetrics, computePodMetrics, type UsageSummary } from "../../../../engine/server/metrics/usage-reader.ts";
import { podEnd, serviceEnds } from "../../../../engine/server/proxy/plan-proxy.ts";
import { parseProxyName, proxiedPath, requireProxyable } from "../../../../engine/server/proxy/proxy-target.ts";

describe("a proxy's address", () => {
  it.each([
    ["web", { scheme: "", name: "web", port: "" }],
    ["web:80", { scheme: "", name: "web", port: "80" }],
    ["web:http", { scheme: "", name: "web", port: "http" }],
    ["https:web:443", { scheme: "https", name: "web", port: "443" }],
    ["https:web:", { scheme: "https", name: "web", port: "" }],
  ])("%s is read", (text, name) => expect(parseProxyName(text)).toEqual(name));

  it.each(["", ":80", "ftp:web:21", "a:b:c:d"])("%s is refused", (text) => expect(() => parseProxyName(text)).toThrow(/invalid proxy address/));

  it.each([
    ["/api/v1/namespaces/shop/pods/web:80/proxy/a%2Fb/?q=1", { prefix: "/api/v1/namespaces/shop/pods/web:80/proxy", path: "/a%2Fb/", query: "?q=1" }],
    ["/api/v1/nodes/n1/proxy", { prefix: "/api/v1/nodes/n1/proxy", path: "", query: "" }],
    ["/api/v1/namespaces/shop/services/web/proxy?x", { prefix: "/api/v1/namespaces/shop/services/web/proxy", path: "", query: "?x" }],
    ["/api/v1/namespaces/shop/pods/web/proxyish", undefined],
    ["/api/v1/namespaces/shop/configmaps/web/proxy/", undefined],
  ])("%s leads where its rest says, escaped as it came", (url, parts) => expect(proxiedPath(url)).toEqual(parts));

  it.each([
    "127.0.0.1",
    "169.254.169.254",
    "0.0.0.0",
    "224.0.0.1",
    "::1",
    "fe80::1",
    "ff02::1",
    "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1",
    "fe80::1%eth0",
    "localhost",
    "0177.0.0.1",
    "010.42.0.7",
    "::ffff:10.42.0.7",
  ])("%s is not reached through the server", (address) => expect(() => requireProxyable(address)).toThrow("address not allowed"));
  it.each(["10.42.0.7", "192.168.1.1", "fd00::7"])("%s is", (address) => expect(() => requireProxyable(address)).not.toThrow());
});

const asked = (text: string) => parseProxyName(text);

describe("a proxy's other end", () => {
  const pod = {
    metadata: { name: "web", namespace: "shop" },
    spec: { containers: [{ name: "a" }, { name: "b", ports: [{ containerPort: 8080 }] }] },
    status: { podIP: "10.42.0.7" },
  } as unknown as Pod;

  it("of a pod is the port that is named, else the first it declares, else its scheme's", () => {
    expect(podEnd(pod, asked("web:9090"))).toMatchObject({ scheme: "http", host: "10.42.0.7", port: 9090 });
    expect(podEnd(pod, asked("web"))).toMatchObject({ port: 8080 });
    expect(podEnd({ ...pod, spec: { containers: [] } }, asked("https:web:"))).toMatchObject({ scheme: "https", port: 443 });
    expect(() => podEnd(pod, asked("web:http"))).toThrow('invalid port "http"');
    expect(() => podEnd({ ...pod, status: {} }, asked("web"))).toThrow(
      expect.objectContaining({ status: expect.objectContaining({ code: 400, message: 'address not allowed: pod "web" has none yet' }) as unknown }) as Error,
    );
  });

  it("of a service are the ready endpoints of the port, by number, name, or none where it has no name", () => {
    const service = { metadata: { name: "web" }, spec: { ports: [{ port: 80, name: "http" }, { port: 81 }] } } as unknown as Service;
    const slices = [
      { ports: [{ name: "http", port: 8080 }, { port: 8081 }], endpoints: [{ addresses: ["10.0.0.1"] }, { addresses: ["10.0.0.2"], conditions: { ready: false } }] },
    ] as unknown as EndpointSlice[];
    const http = [{ host: "10.0.0.1", port: 8080 }];
    expect(serviceEnds(service, slices, asked("web:80"))).toEqual(http);
    const odd = [{ ports: [{ name: "http", port: 8080 }], endpoints: [{ addresses: ["0177.0.0.1"] }, { addresses: ["::ffff:10.0.0.3"] }] }] as unknown as typeof slices;
    expect(serviceEnds(service, odd, asked("web:80")).map(({ host }) => host)).toEqual(["177.0.0.1", "10.0.0.3"]); // as Kubernetes reads them, and no resolver
    expect(serviceEnds(service, slices, asked("web:http"))).toEqual(http);
    expect(serviceEnds(service, slices, asked("web"))).toEqual([{ host: "10.0.0.1", port: 8081 }]);
    expect(() => serviceEnds(service, slices, asked("web:82"))).toThrow('no service port "82" found for service "web"');
  });
});

describe("a token among a WebSocket's protocols", () => {
  const carrier = `base64url.bearer.authorization.k8s.io.${Buffer.from("secret").toString("base64url")}`;

  const asked = (protocols: string) => ({ upgrade: "WebSocket", "sec-websocket-protocol": protocols });

  it("is the caller's and is not passed on", () => {
    expect(takeProtocolToken(asked(`${carrier}, v5.channel.k8s.io`))).toEqual({ headers: asked("v5.channel.k8s.io"), token: "secret" });
    expect(takeProtocolToken(asked("v5.channel.k8s.io"))).toEqual({ headers: asked("v5.channel.k8s.io") });
  });
  it.each([
    ["alone", carrier, undefined],
    ["beside another one", `${carrier}, ${carrier}, a`, "a"],
    ["when it cannot be decoded", "a, base64url.bearer.authorization.k8s.io.c2VjcmV0=", "a"],
    ["when it is no text", "a, base64url.bearer.authorization.k8s.io._w", "a"],
  ])("is nobody's %s", (_when, protocols, left) => {
    const headers = left === undefined ? { upgrade: "WebSocket" } : asked(left);
    expect(takeProtocolToken(asked(protocols))).toEqual({ headers, token: "" });
  });
  it("is none where it says nothing, or where no WebSocket is asked for", () => {
    expect(takeProtocolToken(asked("a, base64url.bearer.authorization.k8s.io."))).toEqual({ headers: asked("a") });
    const others = { "sec-websocket-protocol": `a, ${carrier}` };
    expect(takeProtocolToken(others)).toEqual({ headers: others });
    expect(takeProtocolToken({ ...others, upgrade: "SPDY/3.1" })).toEqual({ headers: { ...others, upgrade: "SPDY/3.1" } });
  });
});

describe("metrics of nodes and pods", () => {
  const cpu = (usageNanoCores?: number) => ({ time: "2026-01-01T00:00:10Z", ...(usageNanoCores === undefined ? {} : { usageNanoCores }) });
  const memory = { workingSetBytes: 3 * 1024 + 1 };
  const summary = (...containers: (number | undefined)[]): UsageSummary => ({
    node: { cpu: cpu(7), memory },
    pods: [{ podRef: { uid: "u" }, containers: containers.map((rate, index) => ({ name: `c${index}`, cpu: cpu(rate), memory })) }],
    windowSeconds: 12.5,
  });
  const pod = { metadata: { name: "web", namespace: "shop", uid: "u", labels: { app: "web" } }, spec: { containers: [] } } as unknown as Pod;

  it("carry the labels of what they are about, and amounts as metrics-server writes them", () => {
    expect(computePodMetrics(pod, summary(1500))).toMatchObject({
      kind: "PodMetrics",
      metadata: { name: "web", namespace: "shop", labels: { app: "web" } },
      timestamp: "2026-01-01T00:00:10Z",
      window: "12.5s",
      containers: [{ name: "c0", usage: { cpu: "1500n", memory: "3Ki" } }],
    });
    expect(computeNodeMetrics({ apiVersion: "v1", kind: "Node", metadata: { name: "n1" } }, summary())).toMatchObject({ metadata: { name: "n1" }, usage: { cpu: "7n", memory: "3Ki" } });
  });
  it("are not told before every container has a rate, nor of pods and nodes that nobody measured", () => {
    expect(computePodMetrics(pod, summary(1500, undefined))).toBeUndefined();
    expect(computePodMetrics(pod, summary())).toBeUndefined();
    expect(computePodMetrics(pod, undefined)).toBeUndefined();
    expect(computeNodeMetrics({ apiVersion: "v1", kind: "Node", metadata: { name: "n1" } }, undefined)).toBeUndefined();
  });
});
