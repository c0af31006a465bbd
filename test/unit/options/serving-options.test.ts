import { expect, test } from "vitest";
import { resolveServerConfig, serverOptions } from "../../../engine/options/config.ts";
import { flagKey } from "../../../engine/options/flag-names.ts";
import { idleNotices, idleOptions } from "../../../engine/options/idle-options.ts";
import { parsePortRange } from "../../../engine/registry/port-range.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { serviceResource } from "../../../engine/resources/core/service.ts";
import { parseTlsCiphers, parseTlsGroups } from "../../../engine/server/http/tls-settings.ts";
import { jwksPlace } from "../../../engine/setup/api-setup.ts";
import { startTestApi } from "../../kit/test-api.ts";

test.each([
  ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"],
  ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"],
  ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"],
  ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"],
  ["TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"],
  ["TLS_RSA_WITH_AES_128_CBC_SHA256", "AES128-SHA256"],
])("the cipher %s is OpenSSL's %s, beside those of TLS 1.3", (name, own) => {
  expect(parseTlsCiphers([name])).toBe(`TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:${own}`);
});

test("ways to agree on a key are known by their numbers", () => {
  expect([parseTlsGroups([]), parseTlsGroups(["29", "23", "4588"])]).toEqual([undefined, "X25519:P-256:X25519MLKEM768"]);
});

test.each([
  [{}, {}],
  [{ serviceAccountJwksUri: "https://keys.example/jwks", externalHostname: "api.example.com" }, { jwksUri: "https://keys.example/jwks" }],
  [{ externalHostname: "api.example.com" }, { jwksUri: "https://api.example.com:6443/openid/v1/jwks" }],
  [{ externalHostname: "api.example.com:443" }, { jwksUri: "https://api.example.com:443/openid/v1/jwks" }],
  [{ externalHostname: "fd00::1", securePort: "8443" }, { jwksUri: "https://[fd00::1]:8443/openid/v1/jwks" }],
])("others find the keys of tokens where %j says", (flags, place) => {
  expect(jwksPlace(resolveServerConfig(flags, {}))).toEqual(place);
});

test("ports of nodes are a range, by both ends or by its length", () => {
  expect([parsePortRange("30000-32767"), parsePortRange("20000+99"), parsePortRange("4000")]).toEqual([
    { first: 30000, last: 32767 },
    { first: 20000, last: 20099 },
    { first: 4000, last: 4000 },
  ]);
  for (const text of ["", "a-b", "5-4", "0-10", "1-70000"]) expect(() => parsePortRange(text)).toThrow("must be a range of ports such as 30000-32767");
});

test.each<[string, Record<string, string>, string]>([
  ["a cipher that is not safe", { tlsCipherSuites: "TLS_RSA_WITH_RC4_128_SHA" }, "TLS_RSA_WITH_RC4_128_SHA is not known here"],
  ["a version that is too old", { tlsMinVersion: "VersionTLS10" }, "must be VersionTLS12 or VersionTLS13"],
  ["an origin that could be anybody's end", { corsAllowedOrigins: "example.com" }, "must pin the start"],
  ["a chance that is too high", { goawayChance: "0.5" }, "must be from 0 to 0.02"],
  ["a certificate without its key", { tlsSniCertKey: "a.crt" }, "must be cert,key"],
  ["a way to agree on a key that is not known", { tlsCurvePreferences: "1" }, "1 is not known here: it must be one of 23 (P-256)"],
  ["a way to agree on a key that is there twice", { tlsCurvePreferences: "29,29" }, "29 is there twice"],
  ["a name with a path", { externalHostname: "api.example.com/x" }, "must be a name or an address, and perhaps a port"],
  ["a metric with a name that none has", { disabledMetrics: "a,b-c" }, 'must be fully qualified metric names, got "b-c"'],
  ["a label without its metric", { allowMetricLabels: "verb=GET" }, '"verb" must have the form metricName,labelName'],
  ["another way of counting servers", { endpointReconcilerType: "zookeeper" }, "must be lease, master-count or none"],
])("%s is refused", (_name, flags, problem) => {
  expect(() => resolveServerConfig(flags, {})).toThrow(problem);
});

test("options are read as upstream's command lines have them", () => {
  const config = resolveServerConfig(
    {
      tlsSniCertKey: "a.crt,a.key\nb.crt,b.key:*.x.org,y.org",
      corsAllowedOrigins: "^https://a.org$,//b.org:",
      enableBootstrapTokenAuth: true,
      anonymousAuth: "false",
      eventTtl: "30m",
      etcdCompactionInterval: "0",
    },
    {},
  );
  expect(config.tlsSniCertKey).toEqual([
    { certificate: "a.crt", key: "a.key", names: [] },
    { certificate: "b.crt", key: "b.key", names: ["*.x.org", "y.org"] },
  ]);
  expect(config.corsAllowedOrigins.map(String)).toEqual(["/^https:\\/\\/a.org$/", "/\\/\\/b.org:/"]);
  expect(config).toMatchObject({ enableBootstrapTokenAuth: true, anonymousAuth: false, eventTtl: 1_800_000, etcdCompactionInterval: 0, serviceNodePortRange: { first: 30_000, last: 32_767 } });
});

test("options without effect say so where they would have one, and are refused where that would be missed", () => {
  expect(idleNotices({ profiling: "false", storageBackend: "etcd3", watchCache: true })).toEqual([]);
  expect(idleNotices({ profiling: true, kubeletTimeout: "5s" })).toEqual([
    "--profiling changes nothing: there are no profiles to be had over HTTP",
    "--kubelet-timeout changes nothing: agents are waited for as long as the request is",
  ]);
  expect(() => idleNotices({ storageBackend: "etcd2" })).toThrow('--storage-backend "etcd2": must be etcd3');
  expect(() => idleNotices({ storageMediaType: "application/vnd.kubernetes.protobuf" })).toThrow(
    '--storage-media-type "application/vnd.kubernetes.protobuf": must be application/json: objects are kept as JSON',
  );
  expect(idleNotices({ emulatedVersion: "kube=1.36", kubernetesServiceNodePort: "0", etcdServersOverrides: "" })).toEqual([]);
  expect(() => idleNotices({ emulatedVersion: "1.35" })).toThrow('--emulated-version "1.35": must be 1.36 or kube=1.36: the API is that of one version');
  expect(() => idleNotices({ etcdServersOverrides: "/events#http://e" })).toThrow("cannot be done: every kind is in one store");
  expect(() => idleNotices({ enableGarbageCollector: "false" })).toThrow("see --controllers");
  expect(idleOptions.filter(({ flag }) => serverOptions.some((row) => flagKey(row.flags) === flagKey(`--${flag}`)))).toEqual([]);
});

test("a server may allow no privileged containers, in pods and in what makes them", async () => {
  await using api = await startTestApi({ allowsPrivileged: false });
  const spec = { containers: [{ name: "c", image: "i", securityContext: { privileged: true } }] };
  await expect(api.client.for(podResource).create({ apiVersion: "v1", kind: "Pod", metadata: { name: "a", namespace: "default" }, spec })).rejects.toMatchObject({
    status: { code: 422, message: 'Pod "a" is invalid: spec.containers[0].securityContext.privileged: Forbidden: disallowed by cluster policy' },
  });
  const template = { metadata: { labels: { a: "b" } }, spec };
  await expect(
    api.client.for(deploymentResource).create({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "a", namespace: "default" }, spec: { selector: { matchLabels: { a: "b" } }, template } }),
  ).rejects.toThrow("spec.template.spec.containers[0].securityContext.privileged: Forbidden");
});

test("Services get their ports of nodes from the range that was given", async () => {
  await using api = await startTestApi({ serviceNodePorts: { first: 20_000, last: 20_001 } });
  const service = (name: string, nodePort?: number) =>
    ({ apiVersion: "v1", kind: "Service", metadata: { name, namespace: "default" }, spec: { type: "NodePort", ports: [{ port: 80, ...(nodePort === undefined ? {} : { nodePort }) }] } }) as const;
  const made = [await api.client.for(serviceResource).create(service("a")), await api.client.for(serviceResource).create(service("b"))];
  expect(made.map(({ spec }) => spec?.ports?.[0]?.nodePort).sort()).toEqual([20_000, 20_001]);
  await expect(api.client.for(serviceResource).create(service("c", 30_000))).rejects.toThrow("provided port is not in the valid range. The range of valid ports is 20000-20001");
  await expect(api.client.for(serviceResource).create(service("c"))).rejects.toThrow("range is full");
});
