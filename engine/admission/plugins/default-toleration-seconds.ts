import type { Pod, Toleration } from "../../resources/types.ts";
import { isKind, type AdmissionPlugin } from "../admission.ts";

/** How long a pod stays on a node that is not ready or cannot be reached, unless it says otherwise. */
export interface LostNodeSeconds {
  readonly notReady: number;
  readonly unreachable: number;
}

export const LOST_NODE_SECONDS: LostNodeSeconds = { notReady: 300, unreachable: 300 };

export function defaultTolerationSeconds({ notReady, unreachable }: LostNodeSeconds): AdmissionPlugin {
  const usual = [
    ["node.kubernetes.io/not-ready", notReady],
    ["node.kubernetes.io/unreachable", unreachable],
  ] as const;
  return {
    name: "DefaultTolerationSeconds",
    mutate(attributes) {
      // Whoever replaces a pod's tolerations does not take these away, which he may not.
      if ((attributes.operation !== "CREATE" && attributes.operation !== "UPDATE") || attributes.subresource !== undefined || !isKind(attributes, "", "pods"))
        return attributes.object;
      const pod = attributes.object as Pod; // isKind
      const tolerations = pod.spec.tolerations ?? [];
      const missing = usual.filter(([taint]) => !tolerations.some((toleration) => tolerates(toleration, taint)));
      if (missing.length === 0) return pod;
      const added = missing.map(([key, tolerationSeconds]): Toleration => ({ key, operator: "Exists", effect: "NoExecute", tolerationSeconds }));
      return { ...pod, spec: { ...pod.spec, tolerations: [...tolerations, ...added] } };
    },
  };
}

function tolerates(toleration: Toleration, taint: string): boolean {
  return (toleration.key === taint || !toleration.key) && (toleration.effect === "NoExecute" || !toleration.effect);
}
