import type { Pod } from "../../engine/resources/types.ts";
import { container } from "./real-node.ts";

/** A claim for a megabyte of the default namespace. */
export const claim = (name: string, spec: object = {}) => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name, namespace: "default" },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } }, ...spec },
});

/** What a pod says to have a claim as its volume `v`, and a container to have that at a path. */
export const using = (claimName: string, more: object = {}) => ({ volumes: [{ name: "v", persistentVolumeClaim: { claimName, ...more } }] });
export const at = (mountPath: string, more: object = {}) => ({ volumeMounts: [{ name: "v", mountPath, ...more }] });

/** A pod that runs once; its last words are what it printed into its termination message. */
export const once = { restartPolicy: "Never" };
/** Without the end of the last line, which is kept as it was written. */
export const says = (pod: Pod) => (container(pod)?.state?.terminated?.message ?? "").trimEnd();
export const isUp = (pod: Pod) => container(pod)?.ready === true;
export const isOver = (pod: Pod) => pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
