import type { Pod, PodStatus } from "../../engine/resources/types.ts";
import { PodWorker } from "../../node-agent/pods/pod-worker.ts";
import { FakeRuntime } from "./fake-runtime.ts";
import { aPodContext } from "./pod-context.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** A pod that mounts a volume of a driver. */
export const drivenPod: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "shop", uid: "u1" },
  spec: { containers: [{ name: "c", image: "a:1", volumeMounts: [{ name: "secrets", mountPath: "/secrets" }] }], volumes: [{ name: "secrets", csi: { driver: "vault.example.com" } }] },
};

/** A worker of a pod on a node whose driver of volumes fails with `trouble.error` while that is set. Its files are in the folder. */
export function workerIn(folder: string, pod: Pod = drivenPod) {
  const clock = new VirtualClock();
  const trouble: { error?: Error; refusal?: { readonly reason: string; readonly message: string } | "not known yet"; misplaced?: { readonly reason: string; readonly message: string } } = {};
  const done: string[] = [];
  const events: string[] = [];
  const places: string[] = [];
  const waits: string[] = [];
  const patches: PodStatus[] = [];
  let revision = 100;
  const mount = async () => {
    if (trouble.error !== undefined) throw trouble.error;
    return folder;
  };
  const csi = { mount, follows: () => true, unmountPod: async () => {} };
  const runtime = new FakeRuntime({ clock, images: ["docker.io/library/a:1"] });
  const context = aPodContext(folder, clock, runtime, {
    client: {
      for: () => ({
        patch: async (_namespace: string, _name: string, _type: string, { status }: { readonly status: PodStatus }) => {
          done.push(`${status.phase}`);
          patches.push(status);
          const waiting = status.containerStatuses?.[0]?.state?.waiting;
          if (waiting !== undefined) waits.push(`${waiting.reason}: ${waiting.message ?? ""}`);
          const metadata = { ...pod.metadata, resourceVersion: `${++revision}` };
          return { ...pod, metadata, status: Object.fromEntries(Object.entries({ ...pod.status, ...status }).filter(([, value]) => value !== null)) };
        },
      }),
    },
    events: {
      record: (_object: unknown, { reason, message, fieldPath }: { readonly reason: string; readonly message: string; readonly fieldPath?: string }) => {
        events.push(`${reason}: ${message}`);
        places.push(fieldPath ?? "");
      },
    },
    csi,
    devices: { prepare: async () => {}, unprepare: async () => void done.push("devices taken back"), cdiDevices: () => [], held: () => [] },
    sources: () => ({ services: () => [], podIps: [], hostIps: [], allocatable: {}, csi }),
    refuse: () => trouble.refusal,
    refusePlace: async () => trouble.misplaced,
  });
  const worker: PodWorker = new PodWorker(context, pod, () => void worker.decideResize());
  return { worker, clock, runtime, context, trouble, events, done, waits, places, patches };
}
