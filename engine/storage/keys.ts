import type { GroupVersionResource } from "../apimachinery/group-version.ts";

/** Everything an API server stores lies below this. */
export const ROOT = "/registry/";

type Kind = Pick<GroupVersionResource, "group" | "resource"> & { readonly namespaced: boolean };

/** `/registry/apps/deployments/`; the version is not part of it, for all versions of a kind are one object. */
export function resourcePrefix({ group, resource }: Kind): string {
  return `${ROOT}${group === "" ? "core" : group}/${resource}/`;
}

export function namespacePrefix(kind: Kind, namespace: string): string {
  return namespace === "" || !kind.namespaced ? resourcePrefix(kind) : `${resourcePrefix(kind)}${namespace}/`;
}

/** The key of one object. Names are validated: they hold no slash. */
export function objectStorageKey(kind: Kind, namespace: string, name: string): string {
  return `${namespacePrefix(kind, namespace)}${name}`;
}

export function prefixOfKey(key: string): string {
  return key.slice(0, key.indexOf("/", key.indexOf("/", ROOT.length) + 1) + 1);
}
