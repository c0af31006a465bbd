import { podResource } from "../core/pod.ts";
import { nameColumn } from "../columns.ts";
import { defineResource, storedForm } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { Pod, PodAddress } from "../types.ts";

/** A second, narrow address of pods: what nodes may know of those that are not theirs. It can only be read. */
export const podAddressResource = defineResource<PodAddress>({
  group: "mainstay.dev",
  version: "v1alpha1",
  resource: "podaddresses",
  singular: "podaddress",
  kind: "PodAddress",
  namespaced: true,
  verbs: ["get", "list", "watch"],
  categories: ["mainstay"],
  schema: () => loadSchema("mainstay.dev/v1alpha1/pod-address.yaml"),
  storedAs: storedForm<PodAddress, Pod>({
    definition: podResource,
    fromStored: addressOf,
    toStored: () => {
      throw new Error("invariant broken: a pod's address was written");
    },
  }),
  columns: [
    nameColumn,
    { name: "Address", type: "string", description: "Where it is reached.", cell: ({ addresses }) => addresses?.join(",") ?? "<none>" },
    { name: "Node", type: "string", description: "Where it runs.", cell: ({ nodeName }) => nodeName ?? "<none>" },
  ],
});

export function addressOf({ metadata, spec, status }: Pod): PodAddress {
  const { name, namespace, uid, labels, resourceVersion, creationTimestamp } = metadata;
  const kept = { name, namespace, uid, labels, resourceVersion, creationTimestamp };
  const isOver = status?.phase === "Succeeded" || status?.phase === "Failed";
  const hasOwn = spec.hostNetwork !== true && !isOver && Boolean(status?.podIP);
  const containers = [...spec.containers, ...(spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always")];
  const ports = containers.flatMap((container) =>
    (container.ports ?? []).flatMap((port) =>
      port.name === undefined ? [] : [{ name: port.name, port: port.containerPort, protocol: port.protocol ?? "TCP" }],
    ),
  );
  return {
    apiVersion: "mainstay.dev/v1alpha1",
    kind: "PodAddress",
    metadata: Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined)),
    ...(hasOwn ? { addresses: status?.podIPs?.map(({ ip }) => ip) ?? [status?.podIP ?? ""] } : {}),
    ...(spec.nodeName === undefined ? {} : { nodeName: spec.nodeName }),
    ...(ports.length === 0 ? {} : { ports }),
  };
}
