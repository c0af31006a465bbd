import type { ApiHandler } from "../../apimachinery/api-request.ts";
import { API_SERVER_USER } from "../../apimachinery/known-users.ts";
import { createLocalClient } from "../../client/local-client.ts";
import { sleep, type Clock } from "../../lib/clock.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import { service, type Service } from "../../lib/service.ts";
import { ensureNamespaces } from "./bootstrap.ts";

/** What was deleted comes back within this time; upstream's. */
const REPEAT_MS = 60_000;

/** Keeps the namespaces of the system there: in one of them nodes show that they live. */
export function createNamespaceKeeper(handler: ApiHandler, clock: Clock, logger: Logger): Service {
  const client = createLocalClient(handler, API_SERVER_USER, "kube-apiserver");
  return service("system namespaces", async (signal) => {
    while (!signal.aborted) {
      await sleep(clock, REPEAT_MS, signal);
      await ensureNamespaces(client).catch((error: unknown) =>
        logger.warn("a namespace of the system could not be made, will try again", { error: describeError(error) }),
      );
    }
  });
}
