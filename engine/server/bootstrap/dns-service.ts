import { hasReason } from "../../apimachinery/status-error.ts";
import type { Client } from "../../client/client.ts";
import { serviceResource } from "../../resources/core/service.ts";
import type { Service } from "../../resources/types.ts";

const NAMESPACE = "kube-system";
const NAME = "kube-dns";

/**
 * The cluster's name service under the name by which manifests, charts and people look for it. Every node answers at these addresses itself,
 * so it has no endpoints, and a label keeps proxies from it. Who has given the name or the addresses to something else keeps them.
 */
export async function ensureDnsService(client: Client, addresses: readonly string[]): Promise<void> {
  const services = client.for(serviceResource);
  try {
    await services.get(NAMESPACE, NAME);
    return;
  } catch (error) {
    if (!hasReason(error, "NotFound")) throw error;
  }
  try {
    await services.create(dnsService(addresses));
  } catch (error) {
    // Invalid: the address is another Service's, or the range is too small to have it.
    if (!hasReason(error, "AlreadyExists", "Invalid")) throw error;
  }
}

function dnsService(addresses: readonly string[]): Service {
  const port = { port: 53, targetPort: 53 };
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: NAME,
      namespace: NAMESPACE,
      labels: {
        "k8s-app": NAME,
        "kubernetes.io/cluster-service": "true",
        "kubernetes.io/name": "KubeDNS",
        "service.kubernetes.io/service-proxy-name": "mainstay-dns",
      },
    },
    spec: {
      type: "ClusterIP",
      clusterIP: addresses[0] ?? "",
      clusterIPs: [...addresses],
      ...(addresses.length > 1 ? { ipFamilyPolicy: "RequireDualStack" } : {}),
      ports: [
        { name: "dns", protocol: "UDP", ...port },
        { name: "dns-tcp", protocol: "TCP", ...port },
      ],
    },
  };
}
