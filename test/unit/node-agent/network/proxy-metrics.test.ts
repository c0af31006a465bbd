import { expect, test } from "vitest";
import type { EndpointSlice } from "../../../../engine/resources/types.ts";
import { ProxyMetrics } from "../../../../node-agent/network/proxy-metrics.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

function slice(addressType: string, changedAtMs: number | undefined): EndpointSlice {
  const annotations: Record<string, string> = changedAtMs === undefined ? {} : { "endpoints.kubernetes.io/last-change-trigger-time": new Date(changedAtMs).toISOString() };
  return { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", metadata: { name: "web-1", namespace: "default", annotations }, addressType, endpoints: [] };
}

/** The series of a page whose names begin so, without buckets. */
function series(metrics: ProxyMetrics, prefix: string): readonly string[] {
  return metrics
    .page()
    .split("\n")
    .filter((line) => line.startsWith(prefix) && !line.includes("_bucket"));
}

test("each round is timed by family, and one that fails is counted and fails all the same", async () => {
  const clock = new VirtualClock();
  const metrics = new ProxyMetrics(["IPv4", "IPv6"], clock);
  expect(series(metrics, "kubeproxy_sync_proxy_rules_last_timestamp_seconds")).toEqual([]);
  const written = metrics.measure("IPv4", async () => (await clock.advance(250), "written"));
  expect(await written).toBe("written");
  await expect(metrics.measure("IPv6", async () => Promise.reject(new Error("the lock is held")))).rejects.toThrow("the lock is held");
  expect(series(metrics, "kubeproxy_sync_proxy_rules_duration_seconds")).toEqual([
    'kubeproxy_sync_proxy_rules_duration_seconds_sum{ip_family="IPv4"} 0.25',
    'kubeproxy_sync_proxy_rules_duration_seconds_count{ip_family="IPv4"} 1',
    'kubeproxy_sync_proxy_rules_duration_seconds_sum{ip_family="IPv6"} 0',
    'kubeproxy_sync_proxy_rules_duration_seconds_count{ip_family="IPv6"} 1',
  ]);
  expect(series(metrics, "kubeproxy_sync_proxy_rules_last_timestamp_seconds")).toEqual([`kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="IPv4"} ${clock.now() / 1000}`]);
  expect(series(metrics, "kubeproxy_sync_proxy_rules_iptables_restore_failures_total")).toEqual([
    'kubeproxy_sync_proxy_rules_iptables_restore_failures_total{ip_family="IPv4"} 0',
    'kubeproxy_sync_proxy_rules_iptables_restore_failures_total{ip_family="IPv6"} 1',
  ]);
});

test("how long a change took to become rules counts once it is in them, from when it could have been known", async () => {
  const clock = new VirtualClock();
  const beforeMs = clock.now() - 60_000;
  const metrics = new ProxyMetrics(["IPv4"], clock);
  await clock.advance(10_000);
  const changedMs = clock.now();
  await clock.advance(2_000);
  metrics.sliceChanged(undefined, slice("IPv4", beforeMs)); // was there before the proxy
  metrics.sliceChanged(undefined, slice("IPv6", changedMs)); // of a family that nobody keeps here
  metrics.sliceChanged(undefined, slice("IPv4", changedMs));
  metrics.sliceChanged(slice("IPv4", changedMs), slice("IPv4", changedMs)); // for another reason
  metrics.sliceChanged(slice("IPv4", changedMs), undefined);
  const failed = metrics.beginRound();
  void failed; // what is not written waits for the next round
  const written = metrics.beginRound();
  metrics.sliceChanged(undefined, slice("IPv4", clock.now())); // comes meanwhile
  await clock.advance(1_000);
  expect(series(metrics, "kubeproxy_network_programming_duration_seconds")).toEqual([]);
  written();
  expect(series(metrics, "kubeproxy_network_programming_duration_seconds")).toEqual([
    'kubeproxy_network_programming_duration_seconds_sum{ip_family="IPv4"} 3',
    'kubeproxy_network_programming_duration_seconds_count{ip_family="IPv4"} 1',
  ]);
  metrics.beginRound()();
  expect(series(metrics, "kubeproxy_network_programming_duration_seconds_count")).toEqual(['kubeproxy_network_programming_duration_seconds_count{ip_family="IPv4"} 2']);
  expect(series(metrics, "kubeproxy_sync_proxy_rules_endpoint_changes_total")).toEqual(["kubeproxy_sync_proxy_rules_endpoint_changes_total 6"]);
});
