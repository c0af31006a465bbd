import { describe, expect, test } from "vitest";
import type { Node, Pod } from "../../../engine/resources/types.ts";
import { forecastPods, type PlannedPods } from "../../../engine/scheduler/forecast-pods.ts";

const node = (name: string, memory: string, more: Partial<Node> = {}): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name, labels: { "kubernetes.io/hostname": name } },
  status: { allocatable: { cpu: "4", memory, pods: "110" } },
  ...more,
});
const pod = (name: string, memory: string, more: { node?: string; app?: string; image?: string } = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "shop", labels: { app: more.app ?? name } },
  spec: { ...(more.node === undefined ? {} : { nodeName: more.node }), containers: [{ name: "c", image: more.image ?? "web:1", resources: { requests: { memory } } }] },
});
const planned = (count: number, template: Pod): PlannedPods => ({ workload: "Deployment shop/web", count, pod: template });

describe("where pods would go that do not exist yet", () => {
  test("each placed pod takes its room from the next, and the first that fits nowhere says what each node lacks", () => {
    const [forecast] = forecastPods([node("n1", "1Gi"), node("n2", "700Mi")], [pod("old", "200Mi", { node: "n2" })], [planned(4, pod("web", "400Mi"))]);
    expect(forecast).toMatchObject({ count: 4, fits: 3, reasons: ["n1 lacks 176Mi of memory", "n2 lacks 300Mi of memory"] });
  });

  test("pods that leave make room first", () => {
    const running = [pod("a", "600Mi", { node: "n1", app: "web" })];
    expect(forecastPods([node("n1", "1Gi")], running, [planned(2, pod("web", "500Mi"))])[0]?.fits).toBe(0);
    expect(forecastPods([node("n1", "1Gi")], running, [planned(2, pod("web", "500Mi"))], [{ namespace: "shop", selector: { matchLabels: { app: "web" } } }])[0]?.fits).toBe(2);
  });

  test("other reasons are told in the scheduler's words", () => {
    const tainted = node("n1", "1Gi", { spec: { taints: [{ key: "gpu", value: "yes", effect: "NoSchedule" }] } });
    expect(forecastPods([tainted, node("n2", "1Gi", { spec: { unschedulable: true } })], [], [planned(1, pod("web", "1Mi"))])[0]?.reasons).toEqual([
      expect.stringMatching(/^n1 does not fit: .*taint/),
      expect.stringMatching(/^n2 does not fit: .*unschedulable/),
    ]);
    expect(forecastPods([], [], [planned(1, pod("web", "1Mi"))])[0]?.reasons).toEqual(["there is no node"]);
  });

  test("images that a chosen node does not hold are named, however they are written", () => {
    const holding = node("n1", "1Gi", { status: { allocatable: { cpu: "4", memory: "1Gi", pods: "110" }, images: [{ names: ["docker.io/library/nginx:1.27"] }] } });
    expect(forecastPods([holding], [], [planned(1, pod("web", "1Mi", { image: "nginx:1.27" }))])[0]?.pulls).toEqual([]);
    expect(forecastPods([holding], [], [planned(1, pod("web", "1Mi", { image: "nginx" }))])[0]?.pulls).toEqual([{ image: "nginx", nodes: ["n1"] }]);
  });

  test("nothing that it is given changes", () => {
    const nodes = [node("n1", "1Gi")];
    const before = JSON.stringify(nodes);
    forecastPods(nodes, [], [planned(2, pod("web", "1Mi"))]);
    expect(JSON.stringify(nodes)).toBe(before);
  });
});
