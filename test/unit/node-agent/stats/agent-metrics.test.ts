import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { withRuntimeMetrics } from "../../../../node-agent/cri/metered-runtime.ts";
import type { ContainerState } from "../../../../node-agent/cri/runtime.ts";
import { resolveAgentConfig } from "../../../../node-agent/config.ts";
import { computeKubeletConfiguration } from "../../../../node-agent/kubelet-configuration.ts";
import type { PodContext } from "../../../../node-agent/pods/pod-context.ts";
import { PodProbes } from "../../../../node-agent/pods/probes/pod-probes.ts";
import { answerPage, type AgentPageParts } from "../../../../node-agent/server/agent-pages.ts";
import { computeTerminations } from "../../../../node-agent/pods/status/terminations.ts";
import { createAgentMetrics } from "../../../../node-agent/stats/agent-metrics.ts";
import type { VolumeUsage } from "../../../../node-agent/csi/csi_pb.ts";
import { meterVolumes, readVolumes } from "../../../../node-agent/stats/volume-stats.ts";
import type { Pod } from "../../../../engine/resources/types.ts";
import { FakeRuntime } from "../../../kit/fake-runtime.ts";
import { seededRandom } from "../../../../engine/lib/random.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const seriesOf = (text: string, name: string) => text.split("\n").filter((line) => line.startsWith(name));

const probedPod = (): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "shop", uid: "u1" },
  // A probe that asks for nothing succeeds; one that runs something in a container that is not there fails.
  spec: { containers: [{ name: "c", image: "i", readinessProbe: { periodSeconds: 1 }, livenessProbe: { exec: { command: ["true"] }, periodSeconds: 1, failureThreshold: 100 } }] },
});

describe("the agent's own metrics", () => {
  it("count, time and name what is asked of the runtime, and what it fails to do", async () => {
    const clock = new VirtualClock();
    const metrics = createAgentMetrics("n1");
    const fake = new FakeRuntime({ clock, images: ["a:1"] });
    const runtime = withRuntimeMetrics(Object.assign(fake, { close: () => {} }), metrics, clock);
    expect(await runtime.imageStatus("a:1")).toBeDefined();
    await expect(runtime.execSync("none", ["true"], 1)).rejects.toThrow();
    const text = metrics.registry.render();
    expect(seriesOf(text, "kubelet_runtime_operations_total")).toEqual([
      'kubelet_runtime_operations_total{operation_type="image_status"} 1',
      'kubelet_runtime_operations_total{operation_type="exec_sync"} 1',
    ]);
    expect(seriesOf(text, "kubelet_runtime_operations_errors_total")).toEqual(['kubelet_runtime_operations_errors_total{operation_type="exec_sync"} 1']);
    expect(text).toContain('kubelet_runtime_operations_duration_seconds_count{operation_type="image_status"} 1');
    expect(text).toContain('kubelet_node_name{node="n1"} 1');
  });

  it("tell of probes as long as their pod is there", async () => {
    const clock = new VirtualClock();
    const metrics = createAgentMetrics("n1");
    const context = {
      runtime: { execSync: async () => ({ exitCode: 1, output: "" }) },
      clock,
      random: seededRandom(1),
      events: { record: () => {} },
      metrics,
      settings: { hostIps: ["192.0.2.1"] },
    } as unknown as PodContext; // what probes need of it
    const probes = new PodProbes(context, () => {});
    probes.follow(probedPod(), { sandboxes: [], containers: [{ id: "c1", name: "c", state: "running", startedAtMs: clock.now() } as ContainerState] }); // what probes need of it
    await clock.advance(5_000);
    const text = metrics.probes.render();
    expect(
      seriesOf(text, "prober_probe_total")
        .map((line) => line.replace(/ \d+$/, ""))
        .sort(),
    ).toEqual([
      'prober_probe_total{container="c",namespace="shop",pod="web",pod_uid="u1",probe_type="Liveness",result="failed"}',
      'prober_probe_total{container="c",namespace="shop",pod="web",pod_uid="u1",probe_type="Readiness",result="successful"}',
    ]);
    expect(seriesOf(text, "prober_probe_duration_seconds_count")).toHaveLength(1);
    probes.stop();
    expect(seriesOf(metrics.probes.render(), "prober_")).toEqual([]);
  });

  it("count each end of a container once, by its type, exit code and reason", () => {
    const status = (name: string, exitCode?: number) => ({
      name,
      image: "i",
      imageID: "",
      ready: false,
      restartCount: 0,
      state: exitCode === undefined ? { running: {} } : { terminated: { exitCode, reason: exitCode === 0 ? "Completed" : "Error" } },
    });
    const before = { initContainerStatuses: [status("setup", 0)], containerStatuses: [status("a"), status("b")] };
    const now = { initContainerStatuses: [status("setup", 0)], containerStatuses: [status("a", 139), status("b")], ephemeralContainerStatuses: [status("look", 0)] };
    expect(computeTerminations(before, now)).toEqual([
      { container_type: "container", exit_code: "139", reason: "Error" },
      { container_type: "ephemeral_container", exit_code: "0", reason: "Completed" },
    ]);
    expect(computeTerminations(now, now)).toEqual([]);
    expect(computeTerminations(undefined, before)).toEqual([{ container_type: "init_container", exit_code: "0", reason: "Completed" }]);
  });

  it("tell the room in persistent volumes while they are mounted, and nothing of what cannot be looked at", async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "volume-"));
    const { registry } = createAgentMetrics("n1");
    const pod: Pod = {
      ...probedPod(),
      spec: {
        containers: [],
        volumes: [
          { name: "data", persistentVolumeClaim: { claimName: "d" } },
          { name: "lost", persistentVolumeClaim: { claimName: "l" } },
          { name: "own", emptyDir: {} },
        ],
      },
    };
    let mounted = [
      {
        pod,
        places: new Map([
          ["data", folder],
          ["lost", path.join(folder, "none")],
          ["own", folder],
        ]),
      },
    ];
    const measure = meterVolumes(registry, () => readVolumes(mounted, async () => undefined));
    try {
      await measure();
      const [capacity, ...others] = seriesOf(registry.render(), "kubelet_volume_stats_capacity_bytes");
      expect(capacity).toMatch(/^kubelet_volume_stats_capacity_bytes\{namespace="shop",persistentvolumeclaim="d"\} [1-9]/);
      expect(others).toEqual([]);
      const driver = [{ unit: 1, total: 10n, used: 4n, available: 6n }] as unknown as readonly VolumeUsage[]; // as a driver's answer is read
      expect(await readVolumes(mounted, async (place) => (place === folder ? driver : undefined))).toEqual([
        { podUid: pod.metadata.uid, name: "data", pvcRef: { name: "d", namespace: "shop" }, figures: { capacityBytes: 10, usedBytes: 4, availableBytes: 6 } },
      ]);
      mounted = [];
      await measure();
      expect(seriesOf(registry.render(), "kubelet_volume_stats_")).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("are pages of the agent's endpoint, brought up to date before they are shown; so are its settings", async () => {
    const metrics = createAgentMetrics("n1");
    const config = resolveAgentConfig({ kubeconfig: "k", clusterDns: "10.43.0.10", evictionHard: "memory.available<100Mi,nodefs.available<10%", kubeReserved: "cpu=200m" }, {});
    const parts = { metrics, measure: async () => metrics.runningPods.set(3), configuration: computeKubeletConfiguration(config, "192.0.2.1") } as unknown as AgentPageParts; // what these pages need of it
    expect((await answerPage(parts, "/metrics"))?.text).toContain("\nkubelet_running_pods 3\n");
    expect((await answerPage(parts, "/metrics/probes"))?.text).toContain("# TYPE prober_probe_total counter");
    expect(JSON.parse((await answerPage(parts, "/configz"))?.text ?? "")).toMatchObject({
      kubeletconfig: {
        address: "192.0.2.1",
        port: 10250,
        clusterDNS: ["10.43.0.10"],
        maxPods: 110,
        evictionHard: { "memory.available": "100Mi", "nodefs.available": "10%" },
        evictionSoft: {},
        kubeReserved: { cpu: "200m" },
      },
    });
  });
});
