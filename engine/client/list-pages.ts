import type { ListOptions } from "../apimachinery/api-request.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { ListResult, ResourceClient } from "./client.ts";

/** All pages of a list, each asked for when the one before it has been dealt with. Throws an Expired or Gone when the history between two is compacted. */
export async function* listPages<T extends KubeObject>(client: ResourceClient<T>, namespace: string, options: ListOptions): AsyncGenerator<ListResult<T>> {
  let next: string | undefined;
  do {
    const page = await client.list(namespace, next === undefined ? options : { ...options, continue: next });
    yield page;
    next = page.continue;
  } while (next !== undefined && next !== "");
}
