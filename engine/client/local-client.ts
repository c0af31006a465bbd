import type { ApiHandler, ApiRequest, ApiResult, ListOptions, PatchType, UserInfo, WriteOptions } from "../apimachinery/api-request.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { StatusError, type Status } from "../apimachinery/status-error.ts";
import type { WatchEvent } from "../apimachinery/watch-event.ts";
import { eventsOf } from "../apimachinery/watch-stream.ts";
import type { ResourceReference } from "../resources/define-resource.ts";
import type { Client, ResourceClient } from "./client.ts";

type RequestBody = ApiRequest extends infer R ? (R extends unknown ? Omit<R, "user" | "userAgent" | "resource"> : never) : never;

/**
 * A client in the API server's own process: the same filters and admission as over the wire, but shared frozen objects
 * and no serialisation.
 */
export function createLocalClient(handler: ApiHandler, user: UserInfo, userAgent: string): Client {
  const transaction = handler.transaction?.bind(handler);
  return {
    ...(transaction === undefined ? {} : { transaction }),
    async read(path) {
      if (handler.read === undefined) throw new StatusError("NotFound", "the server could not find the requested resource", {});
      return handler.read(path, user);
    },
    as: (other) => createLocalClient(handler, user, other),
    for: <T extends KubeObject>(resource: ResourceReference<T>) =>
      localResourceClient(resource, (body) => handler.handle({ ...body, user, userAgent, resource } as ApiRequest)), // the three fields complete the request
  };
}

function localResourceClient<T extends KubeObject>(resource: ResourceReference<T>, send: (body: RequestBody) => Promise<ApiResult>): ResourceClient<T> {
  const nameOf = (object: T) => object.metadata.name ?? "";
  const namespaceOf = (object: T) => (resource.namespaced ? (object.metadata.namespace ?? "") : "");
  const object = async (body: RequestBody): Promise<T> => {
    const result = await send(body);
    if (result.is !== "object") throw new Error(`${body.verb} ${resource.resource}: the answer is a ${result.is}, not an object`);
    return result.encoded.object as T; // the resource decides the kind of its objects
  };
  return {
    get: (namespace, name) => object({ verb: "get", namespace, name }),
    async list(namespace, options: ListOptions = {}) {
      const result = await send({ verb: "list", namespace, options });
      if (result.is !== "list") throw new Error(`list ${resource.resource}: the answer is a ${result.is}`);
      const { items, resourceVersion } = result.list;
      return {
        items: items.map((item) => item.object as T),
        resourceVersion,
        ...(result.list.continue === undefined ? {} : { continue: result.list.continue }),
      };
    },
    async *watch(namespace, options, signal) {
      const result = await send({ verb: "watch", namespace, options, signal });
      if (result.is !== "watch") throw new Error(`watch ${resource.resource}: the answer is a ${result.is}`);
      for await (const event of eventsOf(result.stream)) {
        if (event.type === "ERROR") throw StatusError.from(event.object as Status);
        yield { type: event.type, object: event.object as T } as Exclude<WatchEvent<T>, { type: "ERROR" }>; // as above
      }
    },
    create: (body, options: WriteOptions = {}) => object({ verb: "create", namespace: namespaceOf(body), body, options }),
    update: (body, options: WriteOptions = {}) => object({ verb: "update", namespace: namespaceOf(body), name: nameOf(body), body, options }),
    updateStatus: (body, options: WriteOptions = {}) =>
      object({ verb: "update", subresource: "status", namespace: namespaceOf(body), name: nameOf(body), body, options }),
    updateSubresource: (body, subresource, options: WriteOptions = {}) =>
      object({ verb: "update", subresource, namespace: namespaceOf(body), name: nameOf(body), body, options }),
    patch: (namespace, name, patchType: PatchType, body, { subresource, ...options } = {}) =>
      object({ verb: "patch", namespace, name, patchType, body, options, ...(subresource === undefined ? {} : { subresource }) }),
    apply: (body, { subresource, ...options }) =>
      object({
        verb: "patch",
        namespace: namespaceOf(body),
        name: nameOf(body),
        patchType: "apply",
        body,
        options,
        ...(subresource === undefined ? {} : { subresource }),
      }),
    async delete(namespace, name, options = {}) {
      const result = await send({ verb: "delete", namespace, name, options });
      if (result.is === "status") return result.status;
      if (result.is !== "object") throw new Error(`delete ${resource.resource}: the answer is a ${result.is}`);
      return result.encoded.object as T; // as above
    },
    async deleteCollection(namespace, selection, options = {}) {
      await send({ verb: "deletecollection", namespace, selection, options });
    },
    async createSubresource(namespace, name, subresource, body) {
      const result = await send({ verb: "create", namespace, name, subresource, body, options: {} });
      return result.is === "object" ? result.encoded.object : result.is === "status" ? result.status : undefined;
    },
  };
}
