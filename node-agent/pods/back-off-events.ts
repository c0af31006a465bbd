import type { EventRecorder } from "../../engine/client/event-recorder.ts";
import { podContainers } from "../../engine/resources/pod-containers.ts";
import type { Pod, PodStatus } from "../../engine/resources/types.ts";
import type { StartFailure } from "./compute-pod-actions.ts";
import { containerFieldPath } from "./container-place.ts";

/** Tells in a pod's events that something of it is put off, in the words that people look for. */
export class BackOffEvents {
  readonly #events: EventRecorder;
  /** By container, the id of the ended one that was told of. */
  readonly #told = new Map<string, string>();

  constructor(events: EventRecorder) {
    this.#events = events;
  }

  /** Once for each end of a container that is not started again at once. */
  restarts(pod: Pod, { initContainerStatuses = [], containerStatuses = [] }: PodStatus): void {
    const { name: podName, namespace, uid } = pod.metadata;
    for (const { name, state, lastState } of [...initContainerStatuses, ...containerStatuses]) {
      const ended = lastState?.terminated?.containerID;
      if (state?.waiting?.reason !== "CrashLoopBackOff" || ended === undefined || this.#told.get(name) === ended) continue;
      this.#told.set(name, ended);
      this.#events.record(pod, {
        type: "Warning",
        reason: "BackOff",
        message: `Back-off restarting failed container ${name} in pod ${podName}_${namespace}(${uid})`,
        fieldPath: containerFieldPath(pod.spec, name),
      });
    }
  }

  /** A failed pull that the status has shown once is from then on a back-off: this is what it shows then. */
  pull(pod: Pod, container: string, failure: StartFailure): StartFailure {
    const message = `Back-off pulling image "${podContainers(pod.spec).find(({ name }) => name === container)?.image ?? ""}"`;
    const fieldPath = containerFieldPath(pod.spec, container);
    this.#events.record(pod, { type: "Normal", reason: "BackOff", message, fieldPath });
    this.#events.record(pod, { type: "Warning", reason: "Failed", message: "Error: ImagePullBackOff", fieldPath });
    return { ...failure, reason: "ImagePullBackOff", message: `${message}: ErrImagePull: ${failure.message}` };
  }
}
