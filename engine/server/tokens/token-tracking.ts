import { hasReason, unlessGone } from "../../apimachinery/status-error.ts";
import type { ApiHandler } from "../../apimachinery/api-request.ts";
import { API_SERVER_USER } from "../../apimachinery/known-users.ts";
import type { LegacyTokenSecret } from "../../auth/service-account-token.ts";
import type { Client } from "../../client/client.ts";
import { createLocalClient } from "../../client/local-client.ts";
import { sleep, type Clock } from "../../lib/clock.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import { service, type Service } from "../../lib/service.ts";
import { configMapResource } from "../../resources/core/config-map.ts";
import { secretResource } from "../../resources/core/secret.ts";
import { DAY, dayOf, LAST_USED_LABEL, TOKEN_TRACKING } from "../../resources/core/token-secrets.ts";
import type { ObjectStore } from "../../storage/object-store.ts";

const { namespace: NAMESPACE, name: NAME, key: SINCE } = TOKEN_TRACKING;
/** Who takes the ConfigMap away gets it back, but not at once: that could be another server, which does not track. Upstream's time. */
const REPEAT_MS = 30 * 60_000;

/** Says since when the use of tokens in Secrets is noted on them: who has no note is unused since then. */
export async function ensureTokenTracking(client: Client, clock: Clock): Promise<void> {
  const maps = client.for(configMapResource);
  const data = { [SINCE]: dayOf(clock.now()) };
  const found = await unlessGone(maps.get(NAMESPACE, NAME));
  if (found !== undefined && DAY.test(found.data?.[SINCE] ?? "")) return;
  const written =
    found === undefined
      ? maps.create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: NAME, namespace: NAMESPACE }, data })
      : maps.patch(NAMESPACE, NAME, "merge", { data });
  await written.catch((error: unknown) => {
    // Another server was first.
    if (!hasReason(error, "AlreadyExists", "NotFound", "Conflict")) throw error;
  });
}

/** Keeps that ConfigMap there. */
export function createTokenTrackingKeeper(handler: ApiHandler, clock: Clock, logger: Logger): Service {
  const client = createLocalClient(handler, API_SERVER_USER, "kube-apiserver");
  return service("token tracking", async (signal) => {
    while (!signal.aborted) {
      await sleep(clock, REPEAT_MS, signal);
      await ensureTokenTracking(client, clock).catch((error: unknown) =>
        logger.warn("the use of tokens is not said to be tracked, will try again", { error: describeError(error) }),
      );
    }
  });
}

/** Notes on a Secret that its token was used today. What goes wrong is logged: the token is as good without. */
export async function noteTokenUse(
  store: ObjectStore,
  { metadata: { namespace = "", name = "", uid, labels } }: LegacyTokenSecret,
  clock: Clock,
  logger: Logger,
): Promise<void> {
  const today = dayOf(clock.now());
  const known = labels?.[LAST_USED_LABEL] ?? "";
  // Another server's clock may be ahead of midnight.
  if (known === today || known === dayOf(clock.now() + 24 * 3_600_000)) return;
  try {
    await store.update(secretResource, namespace, name, ({ object }) => {
      if (object.metadata.uid !== uid || object.metadata.labels?.[LAST_USED_LABEL] === today) return { do: "keep" };
      return { do: "write", object: { ...object, metadata: { ...object.metadata, labels: { ...object.metadata.labels, [LAST_USED_LABEL]: today } } } };
    });
  } catch (error) {
    logger.warn("the use of a token is not noted", { secret: `${namespace}/${name}`, error: describeError(error) });
  }
}
