import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { forbidden, notFound } from "../../apimachinery/status-error.ts";
import { namespaceResource } from "../../resources/core/namespace.ts";
import { isKind, type AdmissionAttributes, type AdmissionPlugin, type AdmissionReader } from "../admission.ts";

/** Namespaces the cluster cannot be without. */
export const IMMORTAL_NAMESPACES: readonly string[] = ["default", "kube-system", "kube-public"];

/** Nothing is written into a namespace that does not exist, nothing new into one that is ending, and some never end. */
export const namespaceLifecycle: AdmissionPlugin = {
  name: "NamespaceLifecycle",
  ignoresContent: true,
  async validate(attributes, reader) {
    const { operation, definition, namespace, name, assumedNamespaces } = attributes;
    if (operation === "DELETE") {
      if (isKind(attributes, "", "namespaces") && IMMORTAL_NAMESPACES.includes(name)) throw forbidden(definition, name, "this namespace may not be deleted");
      return;
    }
    if (!definition.namespaced || assumedNamespaces?.has(namespace) === true) return;
    // An update finds its object or does not; only what adds to a namespace needs to know how it fares.
    if (operation !== "CREATE" || attributes.subresource !== undefined) return;
    // What somebody may do there can be asked before it is there.
    if (isKind(attributes, "authorization.k8s.io", "localsubjectaccessreviews")) return;
    const found = await findNamespace(reader, namespace);
    if (found === undefined) throw notFound(namespaceResource, namespace);
    if (found.metadata.deletionTimestamp === undefined) return;
    throw forbidden(definition, describeName(attributes), `unable to create new content in namespace ${namespace} because it is being terminated`, [
      { reason: "NamespaceTerminating", message: `namespace ${namespace} is being terminated`, field: "metadata.namespace" },
    ]);
  },
};

/** A namespace that was made a moment ago may not be in the cache yet, so absence is asked about twice. */
async function findNamespace(reader: AdmissionReader, name: string): Promise<KubeObject | undefined> {
  return (await reader.get(namespaceResource, "", name)) ?? (await reader.get(namespaceResource, "", name, { fresh: true }));
}

function describeName({ name, object }: AdmissionAttributes): string {
  return name !== "" ? name : (object?.metadata.generateName ?? "");
}
