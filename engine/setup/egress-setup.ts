import { readFileSync } from "node:fs";
import * as yaml from "js-yaml";
import { ConfigFields } from "../apimachinery/config-fields.ts";
import type { Egress, EgressName } from "../apimachinery/egress.ts";
import { dialThrough, ProxyRefusal, type ConnectProxy, type Dial, type ProxyTls } from "../lib/net/dial.ts";
import { bareHost } from "../lib/net/ip-address.ts";
import type { TunnelWatcher } from "../lib/net/konnectivity/packets.ts";
import type { Clock } from "../lib/clock.ts";
import type { MetricsRegistry } from "../lib/metrics.ts";
import type { ServingConfig } from "../options/serving-options.ts";
import { readOption } from "../options/option-files.ts";
import { tunnelMetrics } from "./tunnel-metrics.ts";

/** A proxy that connects by HTTP, or one of the konnectivity kind at a socket, by gRPC. */
export type EgressProxy = ConnectProxy | { readonly is: "tunnel"; readonly path: string };

const VERSIONS = ["apiserver.k8s.io/v1beta1", "apiserver.k8s.io/v1alpha1"];
const NAMES = ["cluster", "controlplane", "etcd"] as const;
/** Seconds, as upstream. */
const BUCKETS = [0.005, 0.025, 0.1, 0.5, 2.5, 12.5];

/** How connections leave this server, as the file of --egress-selector-config-file says; undefined without one. Throws a UsageError for what cannot be. */
export function setUpEgress(
  { egressSelectorConfigFile }: Pick<ServingConfig, "egressSelectorConfigFile">,
  { metrics, clock }: { readonly metrics: MetricsRegistry; readonly clock: Clock },
): Egress | undefined {
  const proxies = readOption("--egress-selector-config-file", egressSelectorConfigFile, parseEgressSelectorConfig);
  if (proxies === undefined) return undefined;
  const measured = measure(metrics, clock);
  return new Map([...proxies].map(([name, proxy]) => [name, proxy && measured(proxy)]));
}

/** Reads an EgressSelectorConfiguration; undefined stands for the direct way. Throws with the field for what is wrong or not done here. */
export function parseEgressSelectorConfig(text: string): ReadonlyMap<EgressName, EgressProxy | undefined> {
  const root = new ConfigFields(yaml.load(text), "");
  root.requireKind("EgressSelectorConfiguration", VERSIONS);
  root.refuseOthers(["kind", "apiVersion", "egressSelections"]);
  const found = new Map<EgressName, EgressProxy | undefined>();
  const seen = new Set<string>();
  for (const selection of root.list("egressSelections")) {
    selection.refuseOthers(["name", "connection"]);
    const name = selection.requiredParsed("name", (given) => {
      const known = NAMES.find((one) => one === given.toLowerCase());
      if (known === undefined) throw new Error(`must be one of ${NAMES.join(", ")}`);
      if (seen.has(known)) throw new Error(`${JSON.stringify(known)} is there twice`);
      return known;
    });
    seen.add(name);
    const proxy = proxyOf(selection.requiredPart("connection"));
    if (name !== "etcd") found.set(name, proxy);
    else if (proxy !== undefined) throw new Error(`${selection.path}.connection.proxyProtocol: must be Direct: the store is reached directly`);
  }
  return found;
}

function proxyOf(connection: ConfigFields): EgressProxy | undefined {
  connection.refuseOthers(["proxyProtocol", "transport"]);
  const protocol = connection.requiredParsed("proxyProtocol", (text) => {
    if (text !== "Direct" && text !== "HTTPConnect" && text !== "GRPC") throw new Error("must be Direct, HTTPConnect or GRPC");
    return text;
  });
  if (protocol === "Direct") {
    if (connection.part("transport") !== undefined) throw new Error(`${connection.path}.transport: config must be absent for direct connect`);
    return undefined;
  }
  const transport = connection.part("transport") ?? connection.missing("transport");
  transport.refuseOthers(["tcp", "uds"]);
  const [tcp, uds] = [transport.part("tcp"), transport.part("uds")];
  if (protocol === "GRPC") {
    if (uds === undefined) throw new Error(`${transport.path}.uds: UDS must be set with GRPC`);
    return { is: "tunnel", path: socketOf(uds) };
  }
  if (tcp !== undefined && uds !== undefined) throw new Error(`${transport.path}: TCP and UDS cannot both be set`);
  if (tcp !== undefined) return tcpProxy(tcp);
  if (uds === undefined) throw new Error(`${transport.path}: One of TCP or UDS must be set`);
  return { is: "socket", path: socketOf(uds) };
}

function socketOf(uds: ConfigFields): string {
  uds.refuseOthers(["udsName"]);
  return uds.required("udsName");
}

function tcpProxy(tcp: ConfigFields): ConnectProxy {
  tcp.refuseOthers(["url", "tlsConfig"]);
  const url = tcp.requiredParsed("url", (text) => {
    const parsed = URL.parse(text);
    if (parsed === null || (parsed.protocol !== "http:" && parsed.protocol !== "https:"))
      throw new Error("supported connection protocols are http:// and https://");
    return parsed;
  });
  const tls = tcp.part("tlsConfig");
  const host = bareHost(url);
  if (url.protocol === "http:") {
    if (tls !== undefined) throw new Error(`${tcp.path}.tlsConfig: config must not be present when using HTTP`);
    return { is: "http", host, port: Number(url.port || 80) };
  }
  return { is: "https", host, port: Number(url.port || 443), tls: proxyTls(tls ?? tcp.missing("tlsConfig")) };
}

function proxyTls(tls: ConfigFields): ProxyTls {
  tls.refuseOthers(["caBundle", "clientKey", "clientCert", "tlsServerName"]);
  const read = (file: string) => readFileSync(file, "utf8");
  return {
    ca: tls.parsed("caBundle", read),
    certificate: tls.requiredParsed("clientCert", read),
    key: tls.requiredParsed("clientKey", read),
    serverName: tls.text("tlsServerName") || undefined,
  };
}

/** Counts and times what goes through proxies, by upstream's names. */
function measure(metrics: MetricsRegistry, clock: Clock): (proxy: EgressProxy) => Dial {
  const starts = metrics.counter("apiserver_egress_dialer_dial_start_total", "Connections that were begun through a proxy.");
  const seconds = metrics.histogram("apiserver_egress_dialer_dial_duration_seconds", "How long it took until they were there.", BUCKETS);
  const failures = metrics.counter("apiserver_egress_dialer_dial_failure_count", "Those that failed: at the proxy (connect), or behind it (proxy).");
  let watcher: TunnelWatcher | undefined;
  return (proxy) => {
    const labels = { protocol: proxy.is === "tunnel" ? "grpc" : "http_connect", transport: proxy.is === "socket" || proxy.is === "tunnel" ? "uds" : "tcp" };
    const dial = proxy.is === "tunnel" ? tunnelDial(proxy.path, (watcher ??= tunnelMetrics(metrics))) : dialThrough(proxy);
    return async (host, port, maySpeakFirst) => {
      starts.add(labels);
      const beganMs = clock.monotonic();
      try {
        const socket = await dial(host, port, maySpeakFirst);
        seconds.observe((clock.monotonic() - beganMs) / 1000, labels);
        return socket;
      } catch (error) {
        failures.add({ ...labels, stage: error instanceof ProxyRefusal ? "proxy" : "connect" });
        throw error;
      }
    };
  };
}

/** gRPC is nothing that a server without such a proxy loads. */
function tunnelDial(path: string, watcher: TunnelWatcher): Dial {
  return async (host, port) => (await import("../lib/net/konnectivity/dial-tunnel.ts")).dialThroughTunnel(path, watcher)(host, port);
}
