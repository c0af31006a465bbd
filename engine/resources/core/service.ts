import { ageColumn, balancerAddresses, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { serviceWarnings } from "../warnings/service-warnings.ts";
import type { Service, ServiceSpec } from "../types.ts";
import { validateNewService, validateService, validateServiceStatus, validateServiceUpdate } from "../validation/service.ts";
import { withoutOldTypeValues } from "./service-update.ts";

export const serviceResource = defineResource<Service>({
  group: "",
  version: "v1",
  resource: "services",
  kind: "Service",
  namespaced: true,
  shortNames: ["svc"],
  categories: ["all"],
  schema: () => loadSchema("core/v1/service.yaml"),
  strategy: {
    nameRule: "dnsLabel",
    createOnUpdate: true,
    setDefaults: (service) => withBalancerModes({ ...service, spec: withDefaults(service.spec ?? {}) }),
    prepareForCreate: (service) => ({ ...service, status: { loadBalancer: {} } }),
    prepareForUpdate: withoutOldTypeValues,
    validate: validateService,
    validateNew: validateNewService,
    validateUpdate: validateServiceUpdate,
    validateStatusUpdate: validateServiceStatus,
    warnings: serviceWarnings,
  },
  subresources: [
    { name: "status" },
    { name: "proxy", kind: "ServiceProxyOptions", group: "", version: "v1", verbs: ["create", "delete", "get", "patch", "update"] },
  ],
  columns: [
    nameColumn,
    { name: "Type", type: "string", description: "How it is reached.", cell: (service) => service.spec?.type ?? "" },
    { name: "Cluster-IP", type: "string", description: "Address inside the cluster.", cell: (service) => service.spec?.clusterIP || "<none>" },
    { name: "External-IP", type: "string", description: "Address from outside.", cell: externalText },
    { name: "Port(s)", type: "string", description: "Ports, with the node's port after a colon.", cell: portsText },
    ageColumn,
    {
      name: "Selector",
      type: "string",
      priority: 1,
      description: "Labels of the pods that answer.",
      cell: (service) =>
        Object.entries(service.spec?.selector ?? {})
          .map(([key, value]) => `${key}=${value}`)
          .sort()
          .join(",") || "<none>",
    },
  ],
  selectableFields: { "spec.clusterIP": (service) => service.spec?.clusterIP ?? "", "spec.type": (service) => service.spec?.type ?? "" },
});

/** Addresses of a balancer are where its traffic arrives, unless it says otherwise. */
function withBalancerModes(service: Service): Service {
  const { spec, status } = service;
  const ingress = status?.loadBalancer?.ingress;
  if (spec?.type !== "LoadBalancer" || ingress === undefined || ingress.every(({ ip, ipMode }) => !ip || ipMode !== undefined)) return service;
  return {
    ...service,
    status: {
      ...status,
      loadBalancer: { ...status?.loadBalancer, ingress: ingress.map((one) => (one.ip && one.ipMode === undefined ? { ...one, ipMode: "VIP" } : one)) },
    },
  };
}

function withDefaults({ sessionAffinityConfig: affinity, ...spec }: ServiceSpec): ServiceSpec {
  // Settings for clients' addresses go with the choice of them, also when an update leaves them there.
  const isExternalName = spec.type === "ExternalName";
  const isOpen = spec.type === "NodePort" || spec.type === "LoadBalancer" || (spec.type === "ClusterIP" && (spec.externalIPs ?? []).length > 0);
  return {
    ...spec,
    ...(spec.ports === undefined
      ? {}
      : {
          ports: spec.ports.map((port) => ({
            ...port,
            targetPort: port.targetPort === undefined || port.targetPort === "" || port.targetPort === 0 ? port.port : port.targetPort,
          })),
        }),
    ...(spec.sessionAffinity === "ClientIP"
      ? { sessionAffinityConfig: affinity?.clientIP?.timeoutSeconds === undefined ? { clientIP: { timeoutSeconds: 10_800 } } : affinity }
      : {}),
    ...(isExternalName ? {} : { internalTrafficPolicy: spec.internalTrafficPolicy ?? "Cluster" }),
    ...(isOpen ? { externalTrafficPolicy: spec.externalTrafficPolicy ?? "Cluster" } : {}),
    ...(spec.type === "LoadBalancer" ? { allocateLoadBalancerNodePorts: spec.allocateLoadBalancerNodePorts ?? true } : {}),
  };
}

function externalText(service: Service): string {
  const ips = service.spec?.externalIPs ?? [];
  if (service.spec?.type === "ExternalName") return service.spec.externalName ?? "";
  if (service.spec?.type !== "LoadBalancer") return ips.join(",") || "<none>";
  return [...balancerAddresses(service.status?.loadBalancer), ...ips].join(",") || "<pending>";
}

function portsText(service: Service): string {
  return (service.spec?.ports ?? []).map((port) => `${port.port}${port.nodePort ? `:${port.nodePort}` : ""}/${port.protocol ?? "TCP"}`).join(",") || "<none>";
}
