import { expect, test } from "vitest";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { configMapResource } from "../../../../engine/resources/core/config-map.ts";
import { secretResource } from "../../../../engine/resources/core/secret.ts";
import { serviceAccountResource } from "../../../../engine/resources/core/service-account.ts";
import { createTokenTrackingKeeper, ensureTokenTracking } from "../../../../engine/server/tokens/token-tracking.ts";
import { createTestNamespace, startTestApi } from "../../../kit/test-api.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const DAY_MS = 24 * 3_600_000;
const TRACKING = "kube-apiserver-legacy-service-account-token-tracking";
const LAST_USED = "kubernetes.io/legacy-token-last-used";

test("a cluster says since when the use of tokens in Secrets is noted, and keeps to it", async () => {
  const clock = new VirtualClock(Date.UTC(2030, 0, 1, 12));
  await using api = await startTestApi({ clock });
  const maps = api.client.for(configMapResource);
  const since = async () => (await maps.get("kube-system", TRACKING)).data;
  await ensureTokenTracking(api.client, clock);
  expect(await since()).toEqual({ since: "2030-01-01" });
  await clock.advance(DAY_MS);
  await ensureTokenTracking(api.client, clock);
  expect(await since()).toEqual({ since: "2030-01-01" });
  await maps.patch("kube-system", TRACKING, "merge", { data: { since: "long ago" } });
  await ensureTokenTracking(api.client, clock);
  expect(await since()).toEqual({ since: "2030-01-02" });

  await maps.delete("kube-system", TRACKING);
  const running = new AbortController();
  const keeping = createTokenTrackingKeeper(api.server, clock, silentLogger)
    .run(running.signal)
    .catch(() => {});
  await clock.advance(30 * 60_000);
  await expect.poll(since, { timeout: 10_000 }).toEqual({ since: "2030-01-02" });
  running.abort();
  await keeping;
});

test("a Secret tells on which day its token was used, and one that is marked as invalid lets nobody in", async () => {
  const clock = new VirtualClock(Date.UTC(2030, 0, 1, 12));
  await using api = await startTestApi({ clock });
  await createTestNamespace(api.client, "shop");
  const account = await api.client.for(serviceAccountResource).create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "robot", namespace: "shop" } });
  const { tokens, authenticator } = api.server.parts;
  const token = await tokens.issueLegacy("shop", { name: "robot", uid: account.metadata.uid ?? "" }, "robot-token");
  const secrets = api.client.for(secretResource);
  await secrets.create({
    apiVersion: "v1",
    kind: "Secret",
    type: "kubernetes.io/service-account-token",
    metadata: { name: "robot-token", namespace: "shop", annotations: { "kubernetes.io/service-account.name": "robot" } },
    data: { token: Buffer.from(token).toString("base64") },
  });
  const state = async () => {
    const { metadata } = await secrets.get("shop", "robot-token");
    return { day: metadata.labels?.[LAST_USED], version: metadata.resourceVersion };
  };
  const user = () => authenticator.authenticate({ bearer: token });

  await expect(authenticator.authenticate({ bearer: `${token}x` })).rejects.toMatchObject({ reason: "Unauthorized" });
  expect((await state()).day).toBeUndefined();
  expect((await user()).username).toBe("system:serviceaccount:shop:robot");
  const first = await state();
  expect(first.day).toBe("2030-01-01");
  await user();
  expect(await state()).toEqual(first);

  await clock.advance(DAY_MS);
  await secrets.patch("shop", "robot-token", "merge", { metadata: { labels: { "kubernetes.io/legacy-token-invalid-since": "2030-01-01" } } });
  await api.store.caughtUp();
  await expect(user()).rejects.toMatchObject({ reason: "Unauthorized" });
  expect((await state()).day).toBe("2030-01-02");
  const counted = api.server.metrics.render().split("\n");
  expect(counted).toContain("serviceaccount_legacy_manual_token_uses_total 2");
  expect(counted).toContain("serviceaccount_invalid_legacy_auto_token_uses_total 1");
});
