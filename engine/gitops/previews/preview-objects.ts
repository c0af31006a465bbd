import type { KubeObject } from "../../apimachinery/object-meta.ts";

/** Fields of a Service that are one thing's in the whole cluster; the preview's own gets new ones. */
const SERVICE_PLACES: ReadonlySet<string> = new Set(["clusterIP", "clusterIPs", "loadBalancerIP", "externalIPs", "healthCheckNodePort"]);

/** Names under which an object is reached from outside: hosts of an Ingress, of routes and listeners of the Gateway API. */
export function hostsOf(object: KubeObject): readonly string[] {
  const spec = recordOf((object as { readonly spec?: unknown }).spec);
  if (object.kind === "Ingress") return recordsOf(spec["rules"]).flatMap((rule) => textOf(rule["host"]));
  if (!object.apiVersion.startsWith("gateway.networking.k8s.io/")) return [];
  return [
    ...(Array.isArray(spec["hostnames"]) ? spec["hostnames"] : []).flatMap(textOf),
    ...recordsOf(spec["listeners"]).flatMap((listener) => textOf(listener["hostname"])),
  ];
}

/** The object without what only one of its kind can have, and with accounts of its own namespaces (`spaces`) looked for in the preview. */
export function withoutPlaces(object: KubeObject, namespace: string, spaces: ReadonlySet<string>): KubeObject {
  const { spec, subjects, ...rest } = object as KubeObject & { readonly spec?: unknown; readonly subjects?: unknown };
  if (object.kind === "Service" && object.apiVersion === "v1") return { ...rest, spec: freeService(recordOf(spec)) } as KubeObject; // a Service with fewer fields
  if (object.kind !== "RoleBinding" || !Array.isArray(subjects)) return object;
  const moved = recordsOf(subjects).map((subject) =>
    subject["kind"] === "ServiceAccount" && spaces.has(String(subject["namespace"])) ? { ...subject, namespace } : subject,
  );
  return { ...object, subjects: moved } as KubeObject; // a RoleBinding with other subjects
}

function freeService(spec: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const isHeadless = spec["clusterIP"] === "None";
  const kept = Object.entries(spec).filter(([name]) => isHeadless || !SERVICE_PLACES.has(name));
  const ports = recordsOf(spec["ports"]).map(({ nodePort: _nodePort, ...port }) => port);
  return { ...Object.fromEntries(kept), ...(ports.length === 0 ? {} : { ports }) };
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function recordsOf(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.map(recordOf) : [];
}

function textOf(value: unknown): readonly string[] {
  return typeof value === "string" && value !== "" ? [value] : [];
}
