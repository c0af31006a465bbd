import { REGION_LABEL, ZONE_LABEL } from "../../apimachinery/known-labels.ts";

/** Labels that agents set on their own Node; of Kubernetes' names no others. */
const AGENT_LABELS: ReadonlySet<string> = new Set([
  "kubernetes.io/hostname",
  "kubernetes.io/os",
  "kubernetes.io/arch",
  ZONE_LABEL,
  REGION_LABEL,
  "node.kubernetes.io/instance-type",
  "node.kubernetes.io/windows-build",
  "beta.kubernetes.io/os",
  "beta.kubernetes.io/arch",
  "beta.kubernetes.io/instance-type",
  "failure-domain.beta.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region",
]);
const AGENT_NAMESPACES = ["kubelet.kubernetes.io", "node.kubernetes.io"];
/** Labels below this name steer isolation between nodes; that is for others to say. */
const RESTRICTED_NAMESPACE = "node-restriction.kubernetes.io";

type Labels = Readonly<Record<string, string>>;

/** Keys of labels that were added, changed or removed and that a node may not touch, sorted. Pure. */
export function forbiddenNodeLabels(after: Labels, before: Labels): readonly string[] {
  const changed = [...new Set([...Object.keys(after), ...Object.keys(before)])].filter((key) => after[key] !== before[key]);
  return changed.filter(isForbidden).sort();
}

function isForbidden(key: string): boolean {
  const slash = key.indexOf("/");
  const namespace = slash < 0 ? "" : key.slice(0, slash);
  if (isWithin(namespace, RESTRICTED_NAMESPACE)) return true;
  const isOfKubernetes = isWithin(namespace, "kubernetes.io") || isWithin(namespace, "k8s.io");
  return isOfKubernetes && !AGENT_LABELS.has(key) && !AGENT_NAMESPACES.some((allowed) => isWithin(namespace, allowed));
}

function isWithin(namespace: string, domain: string): boolean {
  return namespace === domain || namespace.endsWith(`.${domain}`);
}
