import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { ContainerStatus, CoreEvent, Pod, PodSpec } from "../../engine/resources/types.ts";
import { createFabric, type Host } from "../kit/hosts.ts";
import { cleanUp, eventually, kubectl, makeDataDir, resetMainstay, runMainstay, startMainstay, type Mainstay } from "../kit/mainstay.ts";

export const IMAGE = "mainstay.local/busybox:1";

/** A cluster of one machine with real containers and no repository: pods are made through the API, with kubectl. */
export interface RealNode {
  readonly host: Host;
  readonly dataDir: string;
  readonly mainstay: Mainstay;
  kubectl(...args: string[]): Promise<string>;
  /** What `kubectl get` shows with these words. */
  json<T>(...args: readonly string[]): Promise<T>;
  /** Applies any objects. */
  apply(...objects: readonly object[]): Promise<void>;
  /** Makes a pod and does not wait for it. */
  create(name: string, spec: Partial<PodSpec> & { readonly containers: readonly object[] }, metadata?: object): Promise<void>;
  pod(name: string): Promise<Pod>;
  /** Waits until the pod is as asked; gives it. */
  until(name: string, isRight: (pod: Pod) => boolean, timeoutMs?: number): Promise<Pod>;
  /** `Reason: message` of the pod's events. */
  events(name: string): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** A busybox container that runs a shell script. */
export const shell = (script: string, more: object = {}) => ({ name: "main", image: IMAGE, command: ["sh", "-c", script], ...more });

export const container = (pod: Pod, name = "main"): ContainerStatus | undefined =>
  [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])].find((status) => status.name === name);

/**
 * `tag` keeps the machines of different test files apart; two letters. `prepare` is called with the data directory before anything is in
 * it; what it gives is called when nothing runs any more. `environment` is what the program finds in its own. `within` are words to put
 * before its command.
 */
export async function startRealNode(
  tag: string,
  prepare?: (dataDir: string) => Promise<() => Promise<void>>,
  environment: Readonly<Record<string, string>> = {},
  within: readonly string[] = [],
): Promise<RealNode> {
  const fabric = await createFabric(tag, 1);
  const host = fabric.hosts[0]!;
  const dataDir = makeDataDir();
  const folder = mkdtempSync(path.join(os.tmpdir(), "node-"));
  let serial = 0;
  const undo = await prepare?.(dataDir);
  const clean = async () => {
    // What was prepared may be in the way of the last step of a reset, and can be undone only after the others.
    await cleanUp(
      async () => {
        if (undo === undefined) return;
        await runMainstay(host, "reset", "--data-dir", dataDir).catch(() => "");
        await undo();
      },
      () => resetMainstay(host, dataDir),
      () => fabric.destroy(),
      () => rmSync(folder, { recursive: true, force: true }),
    );
  };
  let mainstay: Mainstay;
  try {
    mainstay = await startMainstay({ ...host, enter: [...host.enter, ...within] }, dataDir, ["--no-git"], 90_000, environment);
  } catch (error) {
    await clean();
    throw error;
  }
  const node: RealNode = {
    host,
    dataDir,
    mainstay,
    kubectl: (...args) => kubectl(host, mainstay, ...args),
    json: async <T>(...args: readonly string[]) => JSON.parse(await node.kubectl("get", ...args, "-o", "json")) as T, // kubectl printed it
    async apply(...objects) {
      const file = path.join(folder, `${++serial}.json`);
      writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
      await node.kubectl("apply", "-f", file);
    },
    create: (name, spec, metadata = {}) =>
      node.apply({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default", labels: { app: name }, ...metadata }, spec: { terminationGracePeriodSeconds: 1, ...spec } }),
    pod: (name) => node.json<Pod>("pod", name),
    until: (name, isRight, timeoutMs = 30_000) => eventually(() => node.pod(name), isRight, timeoutMs),
    async events(name) {
      const { items } = await node.json<{ items: CoreEvent[] }>("events", "--field-selector", `involvedObject.name=${name}`);
      return items.map(({ reason, message }) => `${reason}: ${message}`);
    },
    stop: () => cleanUp(() => mainstay.stop(), clean),
  };
  // The first pods need the service account that a controller makes.
  await eventually(
    () => node.kubectl("get", "serviceaccount", "default", "-o", "name"),
    (text) => text.includes("default"),
  );
  return node;
}
