import { hasReason } from "../apimachinery/status-error.ts";
import { configMapResource } from "../resources/core/config-map.ts";
import { namespaceResource } from "../resources/core/namespace.ts";
import { serviceAccountResource } from "../resources/core/service-account.ts";
import { runController, type ControllerContext } from "./controller.ts";

const ROOT_CA_NAME = "kube-root-ca.crt";

/** Gives every namespace its `default` ServiceAccount and the ConfigMap with the cluster's CA, and puts them back when they go. */
export function serviceAccountController(context: ControllerContext, rootCa: string) {
  const { client, informers } = context;
  const namespaces = informers.informer(namespaceResource);
  const accounts = informers.informer(serviceAccountResource);
  const maps = informers.informer(configMapResource);
  return runController(
    {
      name: "service-account-controller",
      sources: [namespaces, accounts, maps],
      connect: (queue) => [
        namespaces.addHandler({ add: (namespace) => queue.add(namespace.metadata.name ?? ""), update: (_old, namespace) => queue.add(namespace.metadata.name ?? "") }),
        accounts.addHandler({ delete: (account) => account.metadata.name === "default" && queue.add(account.metadata.namespace ?? "") }),
        maps.addHandler({
          update: (_old, map) => map.metadata.name === ROOT_CA_NAME && queue.add(map.metadata.namespace ?? ""),
          delete: (map) => map.metadata.name === ROOT_CA_NAME && queue.add(map.metadata.namespace ?? ""),
        }),
      ],
      sync: async (namespace) => {
        const live = namespaces.get("", namespace);
        if (live === undefined || live.metadata.deletionTimestamp !== undefined) return;
        const metadata = { namespace, name: ROOT_CA_NAME, annotations: { "kubernetes.io/description": "The certificate of the cluster's authority, for pods to verify the API server with." } };
        const map = maps.get(namespace, ROOT_CA_NAME);
        await unlessThere(async () => {
          if (accounts.get(namespace, "default") === undefined) await client.for(serviceAccountResource).create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace, name: "default" } });
        });
        await unlessThere(async () => {
          if (map === undefined) await client.for(configMapResource).create({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { "ca.crt": rootCa } });
          else if (map.data?.["ca.crt"] !== rootCa) await client.for(configMapResource).update({ ...map, data: { "ca.crt": rootCa } });
        });
      },
    },
    context,
  );
}

/** Created by someone else meanwhile, or the namespace is going: both are fine. */
async function unlessThere(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!hasReason(error, "AlreadyExists", "NotFound") && !(hasReason(error, "Forbidden") && error.status.details?.causes?.some((cause) => cause.reason === "NamespaceTerminating"))) throw error;
  }
}
