import type { Clock } from "../../engine/lib/clock.ts";
import type { AgentMetrics } from "../stats/agent-metrics.ts";
import type { Runtime } from "./runtime.ts";

type ClosableRuntime = Runtime & { close(): void };

/** A runtime that counts and times what is asked of it; operations are called as upstream calls them. */
export function withRuntimeMetrics(
  inner: ClosableRuntime,
  { runtimeOperations, runtimeErrors, runtimeSeconds }: Pick<AgentMetrics, "runtimeOperations" | "runtimeErrors" | "runtimeSeconds">,
  clock: Clock,
): ClosableRuntime {
  const measured = <A extends readonly unknown[], T>(operation_type: string, work: (...args: A) => Promise<T>) => {
    const count = runtimeOperations.bind({ operation_type });
    const observe = runtimeSeconds.bind({ operation_type });
    return async (...args: A): Promise<T> => {
      const startMs = clock.monotonic();
      count();
      try {
        return await work(...args);
      } catch (error) {
        runtimeErrors.add({ operation_type });
        throw error;
      } finally {
        observe((clock.monotonic() - startMs) / 1000);
      }
    };
  };
  return {
    describe: measured("version", () => inner.describe()),
    problem: measured("status", () => inner.problem()),
    runSandbox: measured("run_podsandbox", (config, handler, signal) => inner.runSandbox(config, handler, signal)),
    stopSandbox: measured("stop_podsandbox", (id) => inner.stopSandbox(id)),
    removeSandbox: measured("remove_podsandbox", (id) => inner.removeSandbox(id)),
    glance: measured("list_containers", () => inner.glance()),
    listSandboxes: measured("list_podsandbox", (podUid) => inner.listSandboxes(podUid)),
    createContainer: measured("create_container", (sandboxId, config, sandbox) => inner.createContainer(sandboxId, config, sandbox)),
    startContainer: measured("start_container", (id, signal) => inner.startContainer(id, signal)),
    stopContainer: measured("stop_container", (id, graceSeconds) => inner.stopContainer(id, graceSeconds)),
    updateResources: measured("update_container", (id, resources) => inner.updateResources(id, resources)),
    removeContainer: measured("remove_container", (id) => inner.removeContainer(id)),
    listContainers: measured("list_containers", (podUid) => inner.listContainers(podUid)),
    execSync: measured("exec_sync", (containerId, command, timeoutSeconds) => inner.execSync(containerId, command, timeoutSeconds)),
    reopenLog: measured("reopen_container_log", (containerId) => inner.reopenLog(containerId)),
    imageStatus: measured("image_status", (name) => inner.imageStatus(name)),
    pullImage: measured("pull_image", (name, credentials) => inner.pullImage(name, credentials)),
    listImages: measured("list_images", () => inner.listImages()),
    removeImage: measured("remove_image", (id) => inner.removeImage(id)),
    events: (signal) => inner.events(signal),
    close: () => inner.close(),
  };
}
