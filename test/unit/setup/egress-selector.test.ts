import { expect, test } from "vitest";
import { parseEgressSelectorConfig } from "../../../engine/setup/egress-setup.ts";

const file = (...egressSelections: readonly object[]) => JSON.stringify({ apiVersion: "apiserver.k8s.io/v1beta1", kind: "EgressSelectorConfiguration", egressSelections });
const by = (name: string, proxyProtocol: string, transport?: object) => ({ name, connection: { proxyProtocol, ...(transport === undefined ? {} : { transport }) } });

test("connections leave directly, or by a proxy at an address or a socket", () => {
  expect([
    ...parseEgressSelectorConfig(
      file(by("Cluster", "HTTPConnect", { uds: { udsName: "/run/proxy.sock" } }), by("controlplane", "HTTPConnect", { tcp: { url: "http://[fd00::1]:8131" } }), by("etcd", "Direct")),
    ),
  ]).toEqual([
    ["cluster", { is: "socket", path: "/run/proxy.sock" }],
    ["controlplane", { is: "http", host: "fd00::1", port: 8131 }],
  ]);
  expect([...parseEgressSelectorConfig(file(by("cluster", "GRPC", { uds: { udsName: "/run/konnectivity.sock" } })))]).toEqual([["cluster", { is: "tunnel", path: "/run/konnectivity.sock" }]]);
  expect([...parseEgressSelectorConfig(file(by("cluster", "Direct")))]).toEqual([["cluster", undefined]]);
  expect([...parseEgressSelectorConfig(file())]).toEqual([]);
});

test.each<[string, string, string]>([
  ["another kind", "{}", "must be an EgressSelectorConfiguration of apiserver.k8s.io/v1beta1"],
  ["a name that is none", file(by("nodes", "Direct")), "egressSelections[0].name: must be one of cluster, controlplane, etcd"],
  ["a name that is there twice", file(by("cluster", "Direct"), by("Cluster", "Direct")), 'egressSelections[1].name: "cluster" is there twice'],
  ["a protocol that is none", file(by("cluster", "SOCKS5")), "egressSelections[0].connection.proxyProtocol: must be Direct, HTTPConnect or GRPC"],
  ["no protocol", file({ name: "cluster", connection: {} }), "egressSelections[0].connection.proxyProtocol: must be set"],
  ["gRPC without a proxy", file(by("cluster", "GRPC")), "egressSelections[0].connection.transport: must be set"],
  ["gRPC at an address", file(by("cluster", "GRPC", { tcp: { url: "http://a" } })), "egressSelections[0].connection.transport.uds: UDS must be set with GRPC"],
  ["gRPC at a socket without a name", file(by("cluster", "GRPC", { uds: {} })), "transport.uds.udsName: must be set"],
  ["a proxy for the direct way", file(by("cluster", "Direct", { uds: { udsName: "/s" } })), "egressSelections[0].connection.transport: config must be absent for direct connect"],
  ["no proxy", file(by("cluster", "HTTPConnect")), "egressSelections[0].connection.transport: must be set"],
  ["neither address nor socket", file(by("cluster", "HTTPConnect", {})), "egressSelections[0].connection.transport: One of TCP or UDS must be set"],
  ["address and socket", file(by("cluster", "HTTPConnect", { uds: { udsName: "/s" }, tcp: { url: "http://a" } })), "egressSelections[0].connection.transport: TCP and UDS cannot both be set"],
  ["a socket without a name", file(by("cluster", "HTTPConnect", { uds: {} })), "transport.uds.udsName: must be set"],
  ["another scheme", file(by("cluster", "HTTPConnect", { tcp: { url: "socks5://a" } })), "transport.tcp.url: supported connection protocols are http:// and https://"],
  ["certificates where there is no TLS", file(by("cluster", "HTTPConnect", { tcp: { url: "http://a", tlsConfig: {} } })), "transport.tcp.tlsConfig: config must not be present when using HTTP"],
  ["TLS without certificates", file(by("cluster", "HTTPConnect", { tcp: { url: "https://a" } })), "transport.tcp.tlsConfig: must be set"],
  ["TLS without a certificate of ours", file(by("cluster", "HTTPConnect", { tcp: { url: "https://a", tlsConfig: {} } })), "tlsConfig.clientCert: must be set"],
  ["a certificate that is not there", file(by("cluster", "HTTPConnect", { tcp: { url: "https://a", tlsConfig: { clientCert: "/absent/crt" } } })), "tlsConfig.clientCert: ENOENT"],
  ["a proxy to the store", file(by("etcd", "HTTPConnect", { uds: { udsName: "/s" } })), "egressSelections[0].connection.proxyProtocol: must be Direct: the store is reached directly"],
  ["a field that is not known", file({ ...by("cluster", "Direct"), port: 1 }), "egressSelections[0].port: is not known"],
])("a configuration with %s is refused", (_what, text, message) => {
  expect(() => parseEgressSelectorConfig(text)).toThrow(message);
});
