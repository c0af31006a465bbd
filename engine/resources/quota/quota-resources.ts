import { isHugePages } from "../huge-pages.ts";
/** What a ResourceQuota may count, and which objects each of its scopes can choose. */

const COMPUTE = ["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];
const COUNTS = [
  "pods",
  "services",
  "replicationcontrollers",
  "resourcequotas",
  "secrets",
  "configmaps",
  "persistentvolumeclaims",
  "services.nodeports",
  "services.loadbalancers",
];
const STORAGE = ["requests.storage", "ephemeral-storage", "requests.ephemeral-storage", "limits.ephemeral-storage"];
const STANDARD = new Set([...COMPUTE, ...COUNTS, ...STORAGE]);

export const QUOTA_SCOPES = [
  "Terminating",
  "NotTerminating",
  "BestEffort",
  "NotBestEffort",
  "PriorityClass",
  "CrossNamespacePodAffinity",
  "VolumeAttributesClass",
];

/** Names without a domain that a quota knows. */
export const isStandardQuotaResource = (name: string) => STANDARD.has(name) || isHugePages(name) || name.startsWith("requests.hugepages-");

/** What is counted in whole things. */
export const isCountedResource = (name: string) => COUNTS.includes(name);

/** Whether objects that a scope chooses use this resource at all. */
export function doesScopeFitResource(scope: string, resource: string): boolean {
  switch (scope) {
    case "BestEffort":
      return resource === "pods";
    case "VolumeAttributesClass":
      return resource === "persistentvolumeclaims" || resource === "requests.storage";
    default:
      return resource === "pods" || COMPUTE.includes(resource);
  }
}
