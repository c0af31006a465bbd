import { describe, expect, it } from "vitest";
import type { Pod } from "../../../../../engine/resources/types.ts";
import { refusePod } from "../../../../../node-agent/pods/admission/admit-pod.ts";

const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "web-1", namespace: "shop", uid: "u", labels: { app: "web" } }, spec: { containers: [] } };

describe("refusePod", () => {
  const wants = (cpu: string, uid: string): Pod => ({
    ...pod,
    metadata: { ...pod.metadata, uid },
    spec: { containers: [{ name: "c", resources: { requests: { cpu } }, ports: [{ containerPort: 80, hostPort: 8080 }] }] },
  });

  it("says what there is too little of", () => {
    expect(refusePod(wants("3", "a"), [wants("2", "b")], { cpu: "4", pods: "10" })?.reason).toBe("OutOfcpu");
    expect(refusePod(wants("1", "a"), [], { cpu: "4", pods: "0" })?.reason).toBe("OutOfpods");
    expect(refusePod(wants("1", "a"), [wants("1", "b")], { cpu: "4", pods: "10" })?.reason).toBe("NodePorts");
    expect(refusePod(wants("1", "a"), [wants("1", "a")], { cpu: "1", pods: "10" })).toBeUndefined();
  });

  it("lets pods share a port of different addresses or protocols", () => {
    const at = (uid: string, hostIP: string, protocol = "TCP"): Pod => ({
      ...pod,
      metadata: { ...pod.metadata, uid },
      spec: { containers: [{ name: "c", ports: [{ containerPort: 80, hostPort: 8080, hostIP, protocol }] }] },
    });
    expect(refusePod(at("a", "127.0.0.1"), [at("b", "10.0.0.1"), at("c", "127.0.0.1", "UDP")], { pods: "10" })).toBeUndefined();
    expect(refusePod(at("a", "127.0.0.1"), [at("b", "0.0.0.0")], { pods: "10" })?.message).toBe("Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports");
  });
});
