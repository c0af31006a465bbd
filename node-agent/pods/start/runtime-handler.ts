import type { Client } from "../../../engine/client/client.ts";
import { runtimeClassResource } from "../../../engine/resources/node/runtime-class.ts";
import type { Pod } from "../../../engine/resources/types.ts";

/** The handler of the pod's RuntimeClass. A class never changes its handler, and pods start rarely: it is asked for whenever one does. */
export async function runtimeHandlerOf(client: Client, { spec }: Pod): Promise<string> {
  const name = spec.runtimeClassName;
  if (name === undefined) return "";
  const found = await client
    .for(runtimeClassResource)
    .get("", name)
    .catch((error: unknown) => {
      throw new Error(`failed to get sandbox runtime: RuntimeClass ${JSON.stringify(name)}`, { cause: error });
    });
  return found.handler;
}
