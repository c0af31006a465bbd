import { podResource } from "../resources/core/pod.ts";
import type { Pod, PodSpec, Volume } from "../resources/types.ts";
import type { AuthorizationAttributes, Authorizer } from "./authorize.ts";

/** The pods of one namespace, or of all for the empty one, as far as the server's cache knows them. */
export type PodLister = (namespace: string) => Promise<readonly Pod[]>;

/** Reads of a node that depend on which pods it runs: their own objects, and the ConfigMaps, Secrets and service accounts they name. */
export function nodeAuthorizer(podsIn: PodLister): Authorizer {
  return {
    async allows(attributes) {
      if (attributes.is === "path") return false;
      const nodeName = nodeNameOf(attributes);
      if (nodeName === undefined || attributes.group !== "" || attributes.subresource !== undefined) return false;
      const { resource, verb, namespace } = attributes;
      if (!["get", "list", "watch"].includes(verb)) return false;
      if (resource === podResource.resource) {
        if (verb !== "get") return selects(attributes.fieldSelector, "spec.nodeName") === nodeName;
        const pod = (await podsIn(namespace)).find((candidate) => candidate.metadata.name === attributes.name);
        // An agent must be able to learn that a pod is gone.
        return pod === undefined || pod.spec.nodeName === nodeName;
      }
      if (resource !== "configmaps" && resource !== "secrets" && resource !== "serviceaccounts") return false;
      // A list or watch of one object names it by field selector.
      const name = attributes.name || selects(attributes.fieldSelector, "metadata.name");
      if (namespace === "" || name === undefined || name === "") return false;
      const pods = await podsIn(namespace);
      return pods.some((pod) => pod.spec.nodeName === nodeName && references(pod.spec, resource, name));
    },
  };
}

/** Whether a pod needs this object to run. */
export function references(spec: PodSpec, resource: "configmaps" | "secrets" | "serviceaccounts", name: string): boolean {
  if (resource === "serviceaccounts") return (spec.serviceAccountName || "default") === name;
  if (resource === "secrets" && (spec.imagePullSecrets ?? []).some((secret) => secret.name === name)) return true;
  const containers = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
  const inEnvironment = containers.some(
    (container) =>
      (container.envFrom ?? []).some((source) => (resource === "secrets" ? source.secretRef : source.configMapRef)?.name === name) ||
      (container.env ?? []).some((variable) => (resource === "secrets" ? variable.valueFrom?.secretKeyRef : variable.valueFrom?.configMapKeyRef)?.name === name),
  );
  return inEnvironment || (spec.volumes ?? []).some((volume) => volumeReferences(volume, resource, name));
}

function volumeReferences(volume: Volume, resource: "configmaps" | "secrets", name: string): boolean {
  const projected = volume.projected?.sources ?? [];
  if (resource === "secrets") return volume.secret?.secretName === name || projected.some((source) => source.secret?.name === name);
  return volume.configMap?.name === name || projected.some((source) => source.configMap?.name === name);
}

function nodeNameOf({ user }: AuthorizationAttributes): string | undefined {
  const prefix = "system:node:";
  return user.groups.includes("system:nodes") && user.username.startsWith(prefix) ? user.username.slice(prefix.length) : undefined;
}

/** The value that a field selector demands of one field. */
function selects(selector: string | undefined, field: string): string | undefined {
  for (const part of (selector ?? "").split(",")) {
    const match = /^([^=!]+)={1,2}([^=]*)$/.exec(part.trim());
    if (match?.[1] === field) return match[2];
  }
  return undefined;
}
