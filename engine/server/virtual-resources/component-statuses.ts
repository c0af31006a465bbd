import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { describeError } from "../../lib/log.ts";
import type { ComponentStatus } from "../../resources/types.ts";
import type { ServerParts } from "../exchange.ts";

/** A part of the control plane by its upstream name; asking it throws when it is not well. */
export type ComponentCheck = () => Promise<void> | void;

/** What every part of the control plane answers now; only the one of that name when given. */
export async function readComponentStatuses(
  parts: Pick<ServerParts, "store" | "components">,
  name: string | undefined,
): Promise<readonly (ComponentStatus & KubeObject)[]> {
  const checks: Readonly<Record<string, ComponentCheck>> = { ...parts.components, "etcd-0": async () => void (await parts.store.storage.currentRevision()) };
  const asked = Object.entries(checks).filter(([component]) => name === undefined || component === name);
  return Promise.all(asked.map(([component, check]) => judge(component, check)));
}

async function judge(name: string, check: ComponentCheck): Promise<ComponentStatus & KubeObject> {
  const answer = await Promise.resolve()
    .then(check)
    .then(
      () => ({ status: "True", message: "ok" }),
      (error: unknown) => ({ status: "False", message: describeError(error) }),
    );
  return { apiVersion: "v1", kind: "ComponentStatus", metadata: { name }, conditions: [{ type: "Healthy", ...answer }] };
}
