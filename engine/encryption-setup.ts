import { readFileSync } from "node:fs";
import type { ApiConfig } from "./api-options.ts";
import { UsageError } from "./config.ts";
import { sleep, type Clock } from "./lib/clock.ts";
import { describeError, type Logger } from "./lib/log.ts";
import { service, type Service } from "./lib/service.ts";
import { withEncryption, type EncryptedStorage } from "./storage/encryption/encrypted-storage.ts";
import { parseEncryptionConfig, type EncryptionRule } from "./storage/encryption/encryption-config.ts";
import type { Storage } from "./storage/storage.ts";

/** How often the file is looked at; upstream's time. */
const RELOAD_MS = 60_000;

export interface EncryptionSetup {
  /** What objects are kept in: sealed where the configuration says so. */
  readonly storage: Storage;
  /** What reads the file again; nothing unless asked for. */
  readonly services: readonly Service[];
}

/** Puts the encryption that the switches ask for before a store. Throws a UsageError for a file that cannot be used. */
export function setUpEncryption(config: Pick<ApiConfig, "encryptionProviderConfig" | "encryptionProviderConfigAutomaticReload">, inner: Storage, clock: Clock, logger: Logger): EncryptionSetup {
  const file = config.encryptionProviderConfig;
  if (file === undefined) return { storage: inner, services: [] };
  let rules: readonly EncryptionRule[];
  try {
    rules = parseEncryptionConfig(readFileSync(file, "utf8"));
  } catch (error) {
    throw new UsageError(`--encryption-provider-config "${file}": ${describeError(error)}`);
  }
  const storage = withEncryption(inner, rules);
  return { storage, services: config.encryptionProviderConfigAutomaticReload ? [reloading(file, storage, clock, logger)] : [] };
}

/** A file that cannot be read is left alone until it can: what held before goes on holding. */
function reloading(file: string, storage: EncryptedStorage, clock: Clock, logger: Logger): Service {
  let known = readFileSync(file, "utf8");
  return service("encryption configuration", async (signal) => {
    while (!signal.aborted) {
      await sleep(clock, RELOAD_MS, signal).catch(() => {}); // the loop ends by itself
      if (signal.aborted) return;
      try {
        const text = readFileSync(file, "utf8");
        if (text === known) continue;
        storage.setRules(parseEncryptionConfig(text));
        known = text;
        logger.info("the encryption configuration was read again", { file });
      } catch (error) {
        logger.warn("the encryption configuration cannot be read, what held before goes on", { file, error: describeError(error) });
      }
    }
  });
}
