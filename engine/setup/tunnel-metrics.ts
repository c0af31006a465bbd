import { grpcCodeName } from "../lib/grpc/grpc-error.ts";
import type { TunnelState, TunnelWatcher } from "../lib/net/konnectivity/packets.ts";
import type { MetricsRegistry } from "../lib/metrics.ts";

/** Counts what goes through tunnels, by the names of upstream's client: `konnectivity_network_proxy_client_…`. */
export function tunnelMetrics(metrics: MetricsRegistry): TunnelWatcher {
  const prefix = "konnectivity_network_proxy_client";
  const packets = metrics.counter(`${prefix}_stream_packets_total`, "Packets, by direction and type.");
  const errors = metrics.counter(`${prefix}_stream_errors_total`, "Streams that failed, by direction, code of gRPC and type of packet.");
  const failures = metrics.counter(`${prefix}_dial_failure_total`, "Connections that were not made, by the reason.");
  const connections = metrics.gauge(`${prefix}_client_connections`, "Connections that there are, by how they stand.");
  const counts = new Map<TunnelState, number>();
  const count = (status: TunnelState, change: number) => {
    counts.set(status, (counts.get(status) ?? 0) + change);
    connections.set(counts.get(status) ?? 0, { status });
  };
  return {
    packet: (segment, type) => packets.add({ segment, packet_type: type }),
    became(before, state) {
      if (before !== undefined) count(before, -1);
      if (state !== undefined) count(state, 1);
    },
    dialFailed: (reason) => failures.add({ reason }),
    streamFailed: ({ code }) => errors.add({ segment: "to_client", code: grpcCodeName(code), packet_type: "Unknown" }),
  };
}
