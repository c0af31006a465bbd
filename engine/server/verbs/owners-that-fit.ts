import type { ApiRequest } from "../../apimachinery/api-request.ts";
import { withMetadata } from "../../apimachinery/object-copy.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { StoredSizeError } from "../../storage/encoded-object.ts";

/**
 * Writes, and once more without managedFields when the store finds the object too large: who owns its fields is no reason to refuse what fits
 * by itself, as upstream has it. An apply is refused, for it goes by them.
 */
export async function writeWithOwnersThatFit<R>(request: ApiRequest, write: (owned: (object: KubeObject) => KubeObject) => Promise<R>): Promise<R> {
  try {
    return await write((object) => object);
  } catch (error) {
    if (!(error instanceof StoredSizeError) || (request.verb === "patch" && request.patchType === "apply")) throw error;
    return write((object) => withMetadata(object, { managedFields: undefined }));
  }
}
