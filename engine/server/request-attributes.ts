import type { ApiRequest, UserInfo } from "../apimachinery/api-request.ts";
import { pathSegmentNameProblems } from "../apimachinery/names.ts";
import { demandedFieldValue } from "../apimachinery/selectors.ts";
import type { AuthorizationAttributes } from "../auth/authorize.ts";
import { requestVerb } from "./http/http-request.ts";
import { parseRequestPath, type RequestInfo } from "./http/request-info.ts";

type ResourceAttributes = Extract<AuthorizationAttributes, { readonly is: "resource" }>;

/** The request as the authorizer sees it. */
export function attributesOf(request: ApiRequest): AuthorizationAttributes {
  const options = request.verb === "list" || request.verb === "watch" ? request.options : request.verb === "deletecollection" ? request.selection : undefined;
  const name = "name" in request ? (request.name ?? "") : undefined;
  return resourceAttributes(request, request.resource, { subresource: request.subresource, namespace: request.namespace ?? "", name }, options);
}

/** The same, as far as an HTTP request's method and address tell it before anybody has looked into it. */
export function attributesOfInfo(
  { user, method, query }: { readonly user: UserInfo; readonly method: string; readonly query: URLSearchParams },
  info: RequestInfo,
): AuthorizationAttributes {
  if (info.is === "path") return { is: "path", user, verb: method.toLowerCase(), path: info.path };
  const verb = requestVerb(method, info, query);
  const isSelection = verb === "list" || verb === "watch" || verb === "deletecollection";
  // Whoever answers for the address may not look at the selector of a deletion as he should: as upstream, only reading it makes a name.
  return resourceAttributes(
    { user, verb },
    info,
    verb === "deletecollection" ? { ...info, name: "" } : info,
    isSelection ? { fieldSelector: query.get("fieldSelector") ?? undefined, labelSelector: query.get("labelSelector") ?? undefined } : undefined,
  );
}

/** The same of an address that nobody has read yet. */
export function attributesOfAddress(
  method: string,
  { pathname, searchParams }: { readonly pathname: string; readonly searchParams: URLSearchParams },
  user: UserInfo,
): AuthorizationAttributes {
  return attributesOfInfo({ user, method, query: searchParams }, parseRequestPath(pathname));
}

function resourceAttributes(
  { user, verb }: Pick<ResourceAttributes, "user" | "verb">,
  { group, version, resource }: ApiRequest["resource"],
  place: { readonly subresource?: string | undefined; readonly namespace: string; readonly name?: string | undefined },
  { fieldSelector, labelSelector }: { readonly fieldSelector?: string | undefined; readonly labelSelector?: string | undefined } = {},
): ResourceAttributes {
  const name = place.name ?? nameSelectedBy(fieldSelector);
  return {
    is: "resource",
    user,
    verb,
    group,
    version,
    resource,
    ...(place.subresource === undefined ? {} : { subresource: place.subresource }),
    namespace: namespaceOf(resource, name, place.namespace),
    name,
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
  };
}

/** A namespace lies in itself: whoever has rights in it by a RoleBinding may have them on it. So does what is addressed as one in another group, as upstream's. */
function namespaceOf(resource: string, name: string, namespace: string): string {
  return resource === "namespaces" && namespace === "" ? name : namespace;
}

/** A list of one object by its name needs no more rights than reading it. */
function nameSelectedBy(fieldSelector: string | undefined): string {
  const name = demandedFieldValue(fieldSelector, "metadata.name") ?? "";
  return pathSegmentNameProblems(name).length === 0 ? name : "";
}
