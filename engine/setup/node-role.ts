import type { Client } from "../client/client.ts";
import { CONTROL_PLANE_LABEL } from "../apimachinery/known-labels.ts";
import { hasReason } from "../apimachinery/status-error.ts";
import { sleep, type Clock } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import { service, type Service } from "../lib/service.ts";
import { nodeResource } from "../resources/core/node.ts";

const CHECK_MS = 5_000;
/** While there is no Node yet. */
const ABSENT_CHECK_MS = 500;

/**
 * Keeps the role of a server on the Node of its machine, as k3s does: `kubectl get nodes` shows it, and pods that belong beside a server find their
 * place by it. No agent may say so of itself. A value that is there already stays.
 */
export function createNodeRole({
  client,
  clock,
  logger,
  nodeName,
}: {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeName: string;
}): Service {
  const nodes = client.for(nodeResource);
  let told = "";
  let isThere = false;
  const keep = async () => {
    isThere = false;
    const { metadata } = await nodes.get("", nodeName);
    isThere = true;
    if (metadata.labels?.[CONTROL_PLANE_LABEL] === undefined)
      await nodes.patch("", nodeName, "merge", { metadata: { labels: { [CONTROL_PLANE_LABEL]: "true" } } });
    told = "";
  };
  return service("node role", async (signal) => {
    while (!signal.aborted) {
      await keep().catch((error: unknown) => {
        const why = describeError(error);
        // The agent makes its Node when it begins, and again when somebody has deleted it.
        if (!hasReason(error, "NotFound") && why !== told) logger.warn("this machine's Node is not labelled as that of a server, will retry", { error: why });
        told = why;
      });
      await sleep(clock, isThere ? CHECK_MS : ABSENT_CHECK_MS, signal).catch(() => {});
    }
  });
}
