import type { ConfigMap, Deployment, Pod } from "../../engine/resources/types.ts";

/** Objects of the namespace `shop` as clients send them, without what the server fills in. */

export function sentConfigMap(name: string, data: Record<string, string> = { a: "1" }, metadata: object = {}): ConfigMap {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "shop", ...metadata }, data };
}

export function sentDeployment(name: string): Deployment {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "shop" },
    spec: { replicas: 2, selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "c", image: "nginx:1" }] } } },
  } as Deployment; // as a client may: the server fills in the rest
}

export function sentPod(name: string, spec: object = {}): Pod {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "shop" }, spec: { containers: [{ name: "c", image: "nginx" }], ...spec } } as Pod; // as above
}
