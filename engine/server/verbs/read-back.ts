import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";

/**
 * What a reader would get of an object after its write, which a dry run leaves out: on the way through the store come defaults of the
 * version it is kept in. Rejects as a conversion webhook does.
 */
export async function asReadBack<T extends KubeObject>({ storedAs }: ResourceDefinition<T>, object: T): Promise<T> {
  if (storedAs === undefined) return object;
  const { later } = storedAs;
  if (later === undefined) return storedAs.fromStored(storedAs.toStored(object));
  const [read = object] = await later.fromStored([await later.toStored(object)]);
  return read;
}
