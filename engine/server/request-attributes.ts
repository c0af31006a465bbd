import type { ApiRequest, UserInfo } from "../apimachinery/api-request.ts";
import type { AuthorizationAttributes } from "../auth/authorize.ts";
import { parseRequestPath } from "./http/request-info.ts";

/** The request as the authorizer sees it. */
export function attributesOf(request: ApiRequest): AuthorizationAttributes {
  const { group, version, resource } = request.resource;
  const options = request.verb === "list" || request.verb === "watch" ? request.options : request.verb === "deletecollection" ? request.selection : undefined;
  const name = "name" in request ? (request.name ?? "") : nameSelectedBy(options?.fieldSelector);
  return {
    is: "resource",
    user: request.user,
    verb: request.verb,
    group,
    version,
    resource,
    ...(request.subresource === undefined ? {} : { subresource: request.subresource }),
    namespace: namespaceOf(group, resource, name, request.namespace ?? ""),
    name,
    ...(options?.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
    ...(options?.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
  };
}

/** The same of a path that is read as a whole. */
export function attributesOfPath(path: string, user: UserInfo): AuthorizationAttributes {
  const bare = path.split("?")[0] ?? "";
  const info = parseRequestPath(bare);
  if (info.is === "path") return { is: "path", user, verb: "get", path: bare };
  const { group, version, resource, subresource, namespace, name } = info;
  return { is: "resource", user, verb: name === undefined ? "list" : "get", group, version, resource, ...(subresource === undefined ? {} : { subresource }), namespace, name: name ?? "" };
}

/** A namespace lies in itself: whoever has rights in it by a RoleBinding may have them on it. */
export function namespaceOf(group: string, resource: string, name: string, namespace: string): string {
  return group === "" && resource === "namespaces" && namespace === "" ? name : namespace;
}

/** A list of one object by its name needs no more rights than reading it. */
function nameSelectedBy(fieldSelector: string | undefined): string {
  for (const part of (fieldSelector ?? "").split(",")) {
    const name = /^\s*metadata\.name\s*={1,2}\s*([^=,!]+?)\s*$/.exec(part)?.[1];
    if (name !== undefined) return name;
  }
  return "";
}
