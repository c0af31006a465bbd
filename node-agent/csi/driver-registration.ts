import { labelValue } from "../../engine/apimachinery/selectors.ts";
import { hasReason } from "../../engine/apimachinery/status-error.ts";
import type { Client } from "../../engine/client/client.ts";
import { jsonEqual } from "../../engine/lib/freeze.ts";
import { nodeResource } from "../../engine/resources/core/node.ts";
import { csiNodeResource } from "../../engine/resources/storage/csi-node.ts";
import type { CSINode, CSINodeDriver, Node } from "../../engine/resources/types.ts";

/** What a driver says of the machine that it runs on. */
export interface DriverNodeInfo {
  readonly nodeId: string;
  /** None when it is not positive. */
  readonly volumesMax: number;
  readonly topology: Readonly<Record<string, string>>;
}

export const NODE_ID_ANNOTATION = "csi.volume.kubernetes.io/nodeid";
const COUNT_MAX = 2 ** 31 - 1;
const CONFLICTS_MAX = 5;

/** The drivers of a CSINode with one as it is now, or without it. The same array when nothing changes. Pure. */
export function computeNodeDrivers(drivers: readonly CSINodeDriver[], name: string, info: DriverNodeInfo | undefined): readonly CSINodeDriver[] {
  const others = drivers.filter((driver) => driver.name !== name);
  if (info === undefined) return others.length === drivers.length ? drivers : others;
  const topologyKeys = Object.keys(info.topology).sort();
  const driver: CSINodeDriver = {
    name,
    nodeID: info.nodeId,
    ...(topologyKeys.length === 0 ? {} : { topologyKeys }),
    ...(info.volumesMax > 0 ? { allocatable: { count: Math.min(info.volumesMax, COUNT_MAX) } } : {}),
  };
  const before = drivers.find((candidate) => candidate.name === name);
  return before !== undefined && jsonEqual({ ...before, topologyKeys: [...(before.topologyKeys ?? [])].sort() }, { ...driver, topologyKeys })
    ? drivers
    : [...others, driver];
}

/** What of a Node's metadata a driver changes; undefined when nothing does. Throws when a label of its topology is taken. Pure. */
export function computeNodePatch({ metadata }: Node, name: string, info: DriverNodeInfo | undefined): { readonly metadata: object } | undefined {
  const before = parseNodeIds(metadata.annotations?.[NODE_ID_ANNOTATION]);
  const { [name]: known, ...others } = before;
  const ids = info === undefined ? others : { ...others, [name]: info.nodeId };
  const labels: Record<string, string> = {};
  for (const [key, value] of Object.entries(info?.topology ?? {})) {
    const current = labelValue(metadata.labels, key);
    if (current !== undefined && current !== value)
      throw new Error(`detected topology value collision: driver reported "${key}":"${value}" but existing label is "${key}":"${current}"`);
    if (current === undefined) labels[key] = value;
  }
  const isSame = known === info?.nodeId && Object.keys(labels).length === 0;
  const annotation = Object.keys(ids).length === 0 ? null : JSON.stringify(ids);
  return isSame ? undefined : { metadata: { annotations: { [NODE_ID_ANNOTATION]: annotation }, ...(Object.keys(labels).length === 0 ? {} : { labels }) } };
}

/** Makes the machine known to have a driver, or no longer to have it: on the Node, then in its CSINode. */
export async function writeDriver(client: Client, nodeName: string, name: string, info: DriverNodeInfo | undefined): Promise<void> {
  const nodes = client.for(nodeResource);
  const node = await retryConflicts(async () => {
    const current = await nodes.get("", nodeName);
    const patch = computeNodePatch(current, name, info);
    // Two drivers that come at once share the annotation.
    if (patch !== undefined) await nodes.patch("", nodeName, "merge", { metadata: { ...patch.metadata, resourceVersion: current.metadata.resourceVersion } });
    return current;
  });
  await retryConflicts(async () => {
    const current = await ensureCsiNode(client, node);
    const drivers = computeNodeDrivers(current.spec.drivers ?? [], name, info);
    if (drivers !== current.spec.drivers) await client.for(csiNodeResource).update({ ...current, spec: { ...current.spec, drivers } });
  });
}

/** The CSINode of a Node, which belongs to it; made when it is missing, and anew when it was that of an earlier Node of the name. */
export async function ensureCsiNode(client: Client, { metadata: { name = "", uid = "" } }: Node): Promise<CSINode> {
  const api = client.for(csiNodeResource);
  try {
    const found = await api.get("", name);
    if (found.metadata.ownerReferences?.some((owner) => owner.kind === "Node" && owner.uid === uid) === true) return found;
    await api.delete("", name);
  } catch (error) {
    if (!hasReason(error, "NotFound")) throw error;
  }
  return api.create({
    apiVersion: "storage.k8s.io/v1",
    kind: "CSINode",
    metadata: { name, ownerReferences: [{ apiVersion: "v1", kind: "Node", name, uid }] },
    spec: { drivers: [] },
  });
}

async function retryConflicts<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!hasReason(error, "Conflict", "AlreadyExists") || attempt === CONFLICTS_MAX) throw error;
    }
  }
}

function parseNodeIds(text: string | undefined): Readonly<Record<string, string>> {
  return text ? (JSON.parse(text) as Record<string, string>) : {}; // only agents write it
}
