import type { EngineParts } from "../engine-parts.ts";
import { createLogBounds } from "../lib/bounded-log.ts";
import { createIdleCollection } from "../lib/idle-collection.ts";
import type { MetricsRegistry } from "../lib/metrics.ts";
import { meterProcess } from "../lib/process-metrics.ts";
import { service } from "../lib/service.ts";
import type { ServiceScope } from "../lib/service-scope.ts";
import type { Tracer } from "../lib/tracing/tracer.ts";
import type { ServerConfig } from "../options/config.ts";
import { catalog } from "../resources/catalog.ts";
import { createCompactor } from "../storage/compactor.ts";
import { meterStorageSize, withStorageMetrics } from "../storage/metered-storage.ts";
import { withWatchedWrites } from "../storage/watched-writes.ts";
import { ObjectStore } from "../storage/object-store.ts";
import type { Storage } from "../storage/storage.ts";
import { renewStoredForm } from "../storage/stored-form.ts";
import { preparedFirstObjects, writeFirstObjects } from "../server/bootstrap/first-objects.ts";
import type { ApiServerOptions } from "../server/create-api-server.ts";
import { serverLog } from "./server-log.ts";

export interface StoreSetup {
  readonly store: ObjectStore;
  /** What must work beside the store for the server to be well. */
  readonly healthChecks: NonNullable<ApiServerOptions["healthChecks"]>;
}

/** The objects of a storage that is open: encrypted, measured, compacted and of the form of this release, with what every cluster begins with, and followed from here on. */
export async function setUpStore(
  config: ServerConfig,
  parts: EngineParts,
  { storage, metrics, tracer }: { readonly storage: Storage; readonly metrics: MetricsRegistry; readonly tracer: Tracer | undefined },
  scope: ServiceScope,
): Promise<StoreSetup> {
  const { clock, logger } = parts;
  const encryption =
    config.encryptionProviderConfig === undefined
      ? { storage, services: [], healthChecks: [] }
      : await (await import("./encryption-setup.ts")).setUpEncryption(config, storage, parts);
  meterProcess(metrics, clock);
  meterStorageSize(metrics, storage);
  const isNew = await renewStoredForm(encryption.storage, catalog, logger);
  // An audit log tells of each object that is made, so with one all are made through the API.
  if (isNew && config.auditPolicyFile === undefined) await writeFirstObjects(encryption.storage, preparedFirstObjects(), parts);
  const store = new ObjectStore({
    storage: withWatchedWrites(withStorageMetrics(encryption.storage, metrics, clock), clock, storage.freeBytes?.bind(storage)),
    resources: catalog,
    clock,
    logger,
    tracer,
  });
  // The store must run before the API can answer, and until nothing asks it any more.
  scope.start(
    service("store", (running) => store.run(running)),
    ...(config.etcdCompactionInterval === 0 ? [] : [createCompactor({ storage, cache: store, keepMs: config.etcdCompactionInterval, clock, logger })]),
    ...encryption.services,
    createLogBounds([serverLog(config.dataDir)], clock),
    createIdleCollection(clock),
  );
  return { store, healthChecks: encryption.healthChecks };
}
