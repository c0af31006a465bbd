import { describe, expect, it } from "vitest";
import { notFound } from "../../../../../engine/apimachinery/status-error.ts";
import type { ConfigMap, Container, Pod, Service } from "../../../../../engine/resources/types.ts";
import { computeEnvironment, podField, resourceField, type EnvironmentSources } from "../../../../../node-agent/pods/container-config/pod-environment.ts";

const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "web-1", namespace: "shop", uid: "u", labels: { app: "web" } }, spec: { containers: [] } };

describe("computeEnvironment", () => {
  const sources: EnvironmentSources = {
    configMap: async (_namespace, name) => {
      if (name !== "settings") throw notFound({ group: "", resource: "configmaps" }, name);
      return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { color: "red" } } as ConfigMap;
    },
    secret: async (_namespace, name) => ({ apiVersion: "v1", kind: "Secret", metadata: { name }, data: { key: Buffer.from("s3cret").toString("base64") } }),
    services: () => [
      { apiVersion: "v1", kind: "Service", metadata: { name: "my-db", namespace: "shop" }, spec: { clusterIP: "10.43.0.5", ports: [{ port: 5432, name: "pg" }] } } as Service,
      { apiVersion: "v1", kind: "Service", metadata: { name: "v6", namespace: "shop" }, spec: { clusterIP: "fd00:43::5", ports: [{ port: 80 }] } } as Service,
    ],
    podIps: ["10.42.0.2", "fd00::2"],
    hostIps: ["10.0.0.1", "fd01::1"],
    allocatable: { cpu: "4", memory: "8Gi" },
  };
  const environment = (container: Partial<Container>) => computeEnvironment(pod, { name: "c", ...container } as Container, sources);

  it("lets later values win and see earlier ones", async () => {
    const values = await environment({
      envFrom: [{ prefix: "CFG_", configMapRef: { name: "settings" } }],
      env: [
        { name: "A", value: "$(CFG_color)" },
        { name: "CFG_color", value: "blue" },
        { name: "B", value: "$(CFG_color)" },
      ],
    });
    expect([values.get("A"), values.get("B")]).toEqual(["red", "blue"]);
  });

  it("is refused where it doubles without end, or is larger than a program can be given", async () => {
    const doubled = Array.from({ length: 40 }, (_, index) => ({ name: `V${index + 1}`, value: `$(V${index})$(V${index})` }));
    await expect(environment({ env: [{ name: "V0", value: "x".repeat(1000) }, ...doubled] })).rejects.toThrow("longer than 131072 bytes");
    let reads = 0;
    const large = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "large" }, data: { value: "x".repeat(1_000_000) } } as ConfigMap;
    const envFrom = Array.from({ length: 10 }, (_, index) => ({ prefix: `P${index}_`, configMapRef: { name: "large" } }));
    const compute = (count: number) => computeEnvironment(pod, { name: "c", envFrom: envFrom.slice(0, count) } as Container, { ...sources, configMap: async () => (reads++, large) });
    expect((await compute(5)).size).toBeGreaterThan(5);
    expect(reads).toBe(1);
    await expect(compute(10)).rejects.toThrow("the environment is longer than 8388608 bytes");
  });

  it("knows fields, resources, Secrets and Services", async () => {
    const values = await environment({
      resources: { limits: { cpu: "1500m" } },
      env: [
        { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
        { name: "IPS", valueFrom: { fieldRef: { fieldPath: "status.podIPs" } } },
        { name: "HOSTS", valueFrom: { fieldRef: { fieldPath: "status.hostIPs" } } },
        { name: "APP", valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
        { name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } },
        { name: "KEY", valueFrom: { secretKeyRef: { name: "s", key: "key" } } },
      ],
    });
    expect(Object.fromEntries(values)).toMatchObject({
      IP: "10.42.0.2",
      APP: "web",
      CPU: "2",
      KEY: "s3cret",
      MY_DB_SERVICE_HOST: "10.43.0.5",
      MY_DB_SERVICE_PORT_PG: "5432",
      MY_DB_PORT: "tcp://10.43.0.5:5432",
      IPS: "10.42.0.2,fd00::2",
      HOSTS: "10.0.0.1,fd01::1",
      V6_PORT: "tcp://[fd00:43::5]:80",
      V6_SERVICE_HOST: "fd00:43::5",
    });
  });

  it("knows what another container of the pod may use", async () => {
    const proxied = { ...pod, spec: { ...pod.spec, initContainers: [{ name: "proxy", resources: { limits: { memory: "1Gi" } } }] } };
    const asking = (containerName: string) =>
      computeEnvironment(proxied, { name: "c", env: [{ name: "X", valueFrom: { resourceFieldRef: { containerName, resource: "limits.memory", divisor: "1Mi" } } }] }, sources);
    expect((await asking("proxy")).get("X")).toBe("1024");
    await expect(asking("nobody")).rejects.toThrow("container nobody not found");
  });

  it("names what is missing, unless it is optional", async () => {
    await expect(environment({ envFrom: [{ configMapRef: { name: "nope" } }] })).rejects.toThrow('configmap "nope" not found');
    await expect(environment({ env: [{ name: "X", valueFrom: { configMapKeyRef: { name: "settings", key: "shape" } } }] })).rejects.toThrow("couldn't find key shape in ConfigMap shop/settings");
    expect((await environment({ envFrom: [{ configMapRef: { name: "nope", optional: true } }] })).has("X")).toBe(false);
  });

  it("counts limits in the divisor, and takes the node's for those not set", () => {
    const container = { name: "c", resources: { limits: { memory: "64Mi" } } } as Container;
    expect(resourceField(pod, container, "limits.memory", "1Mi", {})).toBe("64");
    expect(resourceField(pod, container, "limits.cpu", "1m", { cpu: "2" })).toBe("2000");
    expect(resourceField({ ...pod, spec: { ...pod.spec, resources: { limits: { cpu: "1500m" } } } }, container, "limits.cpu", "1m", { cpu: "2" })).toBe("1500");
    expect(() => podField(pod, "spec.nope", sources)).toThrow("unsupported fieldPath");
  });
});
