/** Names a served collection. The core group is the empty string. */
export interface GroupVersionResource {
  readonly group: string;
  readonly version: string;
  /** Lower-case plural, as in URLs: `deployments`. */
  readonly resource: string;
  /**
   * In-process clients only, of custom kinds: their objects in this server's own store are meant, in the version that they are stored in,
   * whoever answers for that and whether it is served at all. Nobody is asked for admission. They can be listed and deleted together.
   */
  readonly isStored?: true;
}

/** `apps/v1`, or `v1` for the core group. */
export function formatApiVersion(group: string, version: string): string {
  return group === "" ? version : `${group}/${version}`;
}

/** The inverse of `formatApiVersion`. */
export function parseApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? { group: "", version: apiVersion } : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** `deployments.apps`, or `pods` for the core group: how messages and RBAC name a resource. */
export function formatGroupResource(gvr: Pick<GroupVersionResource, "group" | "resource">): string {
  return gvr.group === "" ? gvr.resource : `${gvr.resource}.${gvr.group}`;
}
