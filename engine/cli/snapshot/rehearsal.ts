import type { ApiHandler } from "../../apimachinery/api-request.ts";
import { API_SERVER_USER } from "../../apimachinery/known-users.ts";
import { generateTokenKey } from "../../auth/service-account-token.ts";
import { createLocalClient } from "../../client/local-client.ts";
import type { Clock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { MetricsRegistry } from "../../lib/metrics.ts";
import type { Random } from "../../lib/random.ts";
import { catalog } from "../../resources/catalog.ts";
import { bootstrapCluster, ensureCommonObjects, ensureNamespaces } from "../../server/bootstrap/bootstrap.ts";
import { preparedFirstObjects, STAND_IN, writeFirstObjects, type FirstObject } from "../../server/bootstrap/first-objects.ts";
import { createApiServer } from "../../server/create-api-server.ts";
import { ROOT } from "../../storage/keys.ts";
import { openMemoryStorage } from "../../storage/memory-storage.ts";
import { ObjectStore } from "../../storage/object-store.ts";
import type { Storage } from "../../storage/storage.ts";

const clock: Clock = { now: () => STAND_IN.timeMs, monotonic: () => 0, after: () => () => {} };
const random: Random = { next: () => 0, uuid: () => STAND_IN.uid };
const SERVICE_CIDR = "10.43.0.0/16";

/** Has an API server make what is the same in every cluster, which takes much longer than writing it, and takes it from the server's store. */
export function makeFirstObjects(): Promise<readonly FirstObject[]> {
  return withApi(openMemoryStorage({ clock }), async (server, storage) => {
    const client = createLocalClient(server, API_SERVER_USER, "kube-apiserver");
    await ensureNamespaces(client);
    await ensureCommonObjects(client, { flowControlClock: clock, registersApis: true });
    const { entries } = await storage.list(ROOT);
    return entries.map(({ key, value }) => ({ key, text: value.toString("utf8") }));
  });
}

/** Goes through what the API does at the start of a new cluster, so that a snapshot of the program has it compiled. */
export async function rehearseStart(): Promise<void> {
  const storage = openMemoryStorage({ clock });
  await writeFirstObjects(storage, preparedFirstObjects(), { clock, random, logger: silentLogger });
  await withApi(storage, (server) =>
    bootstrapCluster(server, { serviceCidr: SERVICE_CIDR, apiPort: 6443, authenticationFacts: {}, flowControlClock: clock, registersApis: true }),
  );
}

/** An API server for as long as `use` takes: one without a listener, and without time and chance, which would be the same in each process of a snapshot. */
async function withApi<T>(storage: Storage, use: (server: ApiHandler, storage: Storage) => Promise<T>): Promise<T> {
  const store = new ObjectStore({ storage, resources: catalog, clock, logger: silentLogger });
  const running = new AbortController();
  const ended = store.run(running.signal);
  const tokenKey = generateTokenKey();
  const server = createApiServer({ store, catalog, clock, random, logger: silentLogger, metrics: new MetricsRegistry(), serviceCidr: SERVICE_CIDR, tokenKey });
  const result = await use(server, storage);
  running.abort();
  await ended;
  await storage.close();
  return result;
}
