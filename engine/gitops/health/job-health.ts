import { findCondition } from "../../apimachinery/conditions.ts";
import type { Job } from "../../resources/types.ts";
import type { ObjectHealth } from "./health.ts";

/** A Job is well when it is done, not when it has begun: what waits for it needs its result. */
export function computeJobHealth({ spec, status, metadata }: Job, worstPod: (ownerUid: string) => ObjectHealth | undefined): ObjectHealth {
  const images = [...new Set((spec?.template?.spec?.containers ?? []).map((container) => container.image ?? "").filter((image) => image !== ""))];
  const base = { reason: "", chain: [], images } as const;
  const failed = findCondition(status?.conditions, "Failed");
  if (failed?.status === "True") {
    const pod = worstPod(metadata.uid ?? "");
    const reason = failed.message || failed.reason || "it failed";
    return {
      ...base,
      state: "Degraded",
      reason: pod === undefined || pod.reason === "" ? reason : pod.reason,
      chain: pod === undefined ? [reason] : [reason, ...pod.chain],
    };
  }
  if (findCondition(status?.conditions, "Complete")?.status === "True") return { ...base, state: "Healthy" };
  if (spec?.suspend === true) return { ...base, state: "Suspended", reason: "suspended" };
  const pod = worstPod(metadata.uid ?? "");
  const text = status?.active === undefined || status.active === 0 ? "has not started yet" : `${status.succeeded ?? 0} of ${spec?.completions ?? 1} done`;
  return {
    ...base,
    state: "Progressing",
    reason: pod === undefined || pod.state === "Healthy" || pod.reason === "" ? text : pod.reason,
    chain: pod === undefined ? [] : [text, ...pod.chain],
  };
}
