import type { KubeObject } from "../apimachinery/object-meta.ts";
import { forbidden } from "../apimachinery/status-error.ts";
import { jsonEqual } from "../lib/freeze.ts";
import { podResource } from "../resources/core/pod.ts";
import type { Node, Pod, TokenRequest } from "../resources/types.ts";
import { isKind, type AdmissionAttributes, type AdmissionPlugin, type AdmissionReader } from "./admission.ts";

const NODE_USER = "system:node:";
/** Labels with this prefix steer isolation between nodes; a node may not give them to itself. */
const RESTRICTED_LABEL = /(^|\.)node-restriction\.kubernetes\.io\//;

/** The name of the node whose credentials these are; undefined for all other users. */
export function nodeNameOf(user: { readonly username: string; readonly groups: readonly string[] }): string | undefined {
  return user.username.startsWith(NODE_USER) && user.groups.includes("system:nodes") ? user.username.slice(NODE_USER.length) : undefined;
}

/** An agent writes only what is its own: its Node, its Lease, the status of its pods, tokens for them. */
export const nodeRestriction: AdmissionPlugin = {
  name: "NodeRestriction",
  async validate(attributes, reader) {
    const nodeName = nodeNameOf(attributes.user);
    if (nodeName === undefined) return;
    const refuse = (why: string): never => {
      throw forbidden(attributes.definition, attributes.name, why);
    };
    if (isKind(attributes, "", "pods")) validatePod(attributes, nodeName, refuse);
    else if (isKind(attributes, "", "nodes")) validateNode(attributes, nodeName, refuse);
    else if (isKind(attributes, "", "serviceaccounts") && attributes.subresource === "token") await validateToken(attributes, reader, nodeName, refuse);
    else if (isKind(attributes, "coordination.k8s.io", "leases")) {
      if (attributes.namespace !== "kube-node-lease" || nameOf(attributes) !== nodeName) refuse(`node ${JSON.stringify(nodeName)} can only access its own lease in namespace "kube-node-lease"`);
    }
  },
};

type Refuse = (why: string) => never;

function validatePod({ operation, subresource, object, old }: AdmissionAttributes, nodeName: string, refuse: Refuse): void {
  const pod = (old ?? object) as Pod; // isKind
  if (operation === "CREATE" && subresource === undefined) {
    if (pod.metadata.annotations?.["kubernetes.io/config.mirror"] === undefined) refuse(`pod does not have "kubernetes.io/config.mirror" annotation, node ${JSON.stringify(nodeName)} can only create mirror pods`);
    if (pod.spec.nodeName !== nodeName) refuse(`node ${JSON.stringify(nodeName)} can only create pods with spec.nodeName set to itself`);
  } else if (operation === "UPDATE" && subresource !== "status") refuse(`node ${JSON.stringify(nodeName)} can only update pod status`);
  else if (subresource !== "eviction" && pod.spec?.nodeName !== nodeName) {
    refuse(operation === "DELETE" ? `node ${JSON.stringify(nodeName)} can only delete pods with spec.nodeName set to itself` : `node ${JSON.stringify(nodeName)} can only update pod status for pods with spec.nodeName set to itself`);
  }
  if (operation === "UPDATE" && !jsonEqual(object?.metadata.labels ?? {}, old?.metadata.labels ?? {})) refuse(`node ${JSON.stringify(nodeName)} cannot update labels through pod status`);
}

function validateNode(attributes: AdmissionAttributes, nodeName: string, refuse: Refuse): void {
  if (nameOf(attributes) !== nodeName) refuse(`node ${JSON.stringify(nodeName)} is not allowed to modify node ${JSON.stringify(nameOf(attributes))}`);
  if (attributes.operation === "DELETE") refuse(`node ${JSON.stringify(nodeName)} is not allowed to delete nodes`);
  const labels = (object: KubeObject | undefined) => Object.entries(object?.metadata.labels ?? {}).filter(([key]) => RESTRICTED_LABEL.test(key));
  if (!jsonEqual(labels(attributes.object), labels(attributes.old))) refuse(`is not allowed to modify labels: ${labels(attributes.object).map(([key]) => key).join(", ")}`);
  if (attributes.operation === "UPDATE" && attributes.old !== undefined && !jsonEqual((attributes.object as Node).spec?.taints ?? [], (attributes.old as Node).spec?.taints ?? [])) {
    refuse(`node ${JSON.stringify(nodeName)} is not allowed to modify taints`);
  }
}

async function validateToken(attributes: AdmissionAttributes, reader: AdmissionReader, nodeName: string, refuse: Refuse): Promise<void> {
  const bound = (attributes.object as TokenRequest).spec?.boundObjectRef; // the body of serviceaccounts/token
  if (bound?.kind !== "Pod" || !bound.name || !bound.uid) return refuse("node requested token not bound to a pod");
  const pod = await reader.get(podResource, attributes.namespace, bound.name, { fresh: true });
  if (pod === undefined || pod.metadata.uid !== bound.uid) return refuse(`the UID in the bound object reference (${bound.uid}) does not match the UID in record`);
  if (pod.spec.nodeName !== nodeName) return refuse("node requested token bound to a pod scheduled on a different node");
  if ((pod.spec.serviceAccountName || "default") !== attributes.name) return refuse("node requested token for a service account that its pod does not use");
}

function nameOf({ name, object }: AdmissionAttributes): string {
  return name !== "" ? name : (object?.metadata.name ?? "");
}
