import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import type { APIService } from "../../resources/types.ts";
import { compareVersions } from "../../resources/apiextensions/version-order.ts";

/** Where upstream puts its groups in discovery: larger numbers come first. */
const GROUP_PRIORITIES: Readonly<Record<string, number>> = {
  "": 18_000,
  apps: 17_800,
  "events.k8s.io": 17_750,
  "authentication.k8s.io": 17_700,
  "authorization.k8s.io": 17_600,
  autoscaling: 17_500,
  batch: 17_400,
  "certificates.k8s.io": 17_300,
  "networking.k8s.io": 17_200,
  policy: 17_100,
  "rbac.authorization.k8s.io": 17_000,
  "storage.k8s.io": 16_800,
  "apiextensions.k8s.io": 16_700,
  "admissionregistration.k8s.io": 16_700,
  "scheduling.k8s.io": 16_600,
  "coordination.k8s.io": 16_500,
  "node.k8s.io": 16_300,
  "discovery.k8s.io": 16_200,
  "resource.k8s.io": 16_200,
  "flowcontrol.apiserver.k8s.io": 16_100,
};
const OTHER_PRIORITY = 1_000;
/** How much the versions of a group count there, by the names of their APIServices. */
const VERSION_PRIORITIES: Readonly<Record<string, number>> = {
  "v1.": 1,
  "v2.autoscaling": 30,
  "v1.flowcontrol.apiserver.k8s.io": 21,
  "v1.resource.k8s.io": 21,
};
const OTHER_VERSION_PRIORITY = 15;
const UNREGISTERED: ReadonlySet<string> = new Set(["apiregistration.k8s.io", "metrics.k8s.io"]);

/** An APIService for each group and version that this server answers for itself, but for the aggregation layer's own. */
export function localApiServices(definitions: readonly ResourceDefinition[]): readonly (APIService & KubeObject)[] {
  const groups = new Map<string, Set<string>>();
  for (const { group, version } of definitions) if (!UNREGISTERED.has(group)) groups.set(group, (groups.get(group) ?? new Set()).add(version));
  return [...groups].flatMap(([group, versions]) =>
    [...versions].sort(compareVersions).map((version) => ({
      apiVersion: "apiregistration.k8s.io/v1",
      kind: "APIService",
      metadata: { name: `${version}.${group}`, labels: { "kube-aggregator.kubernetes.io/automanaged": "onstart" } },
      spec: {
        ...(group === "" ? {} : { group }),
        version,
        groupPriorityMinimum: GROUP_PRIORITIES[group] ?? OTHER_PRIORITY,
        versionPriority: VERSION_PRIORITIES[`${version}.${group}`] ?? OTHER_VERSION_PRIORITY,
      },
    })),
  );
}
