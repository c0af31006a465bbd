import { readFileSync } from "node:fs";
import type { ApiConfig } from "../options/api-options.ts";
import { UsageError } from "../options/config.ts";
import type { EngineParts } from "../engine-parts.ts";
import { aborted } from "../lib/abort.ts";
import { sleep } from "../lib/clock.ts";
import { describeError } from "../lib/log.ts";
import { service, type Service } from "../lib/service.ts";
import { withEncryption, type EncryptedStorage } from "../storage/encryption/encrypted-storage.ts";
import { parseEncryptionConfig, type EncryptionRule } from "../storage/encryption/encryption-config.ts";
import { KmsProvider } from "../storage/encryption/kms-provider.ts";
import type { Storage } from "../storage/storage.ts";

/** How often the file is looked at; upstream's time. */
const RELOAD_MS = 60_000;

type Parts = Pick<EngineParts, "clock" | "random" | "logger">;

export interface EncryptionSetup {
  /** What objects are kept in: sealed where the configuration says so. */
  readonly storage: Storage;
  /** What reads the file again, and asks plugins how they are. */
  readonly services: readonly Service[];
  /** Whether values can be relied on to be sealed and opened, where that is up to others. */
  readonly healthChecks: readonly { readonly name: string; readonly check: () => void }[];
}

/**
 * Puts the encryption that the switches ask for before a store. A key management plugin that is not well does not hold it up: it may be
 * started beside the server, or be a pod that needs one. Rejects with a UsageError for a file that cannot be used.
 */
export async function setUpEncryption(
  config: Pick<ApiConfig, "encryptionProviderConfig" | "encryptionProviderConfigAutomaticReload">,
  inner: Storage,
  parts: Parts,
): Promise<EncryptionSetup> {
  const file = config.encryptionProviderConfig;
  if (file === undefined) return { storage: inner, services: [], healthChecks: [] };
  let text: string;
  let opened: Opened;
  try {
    text = readFileSync(file, "utf8");
    opened = openConfiguration(text, parts);
  } catch (error) {
    throw new UsageError(`--encryption-provider-config "${file}": ${describeError(error)}`);
  }
  await Promise.all(opened.plugins.map((plugin) => plugin.askOrWarn()));
  const storage = withEncryption(inner, opened.rules);
  const plugins = new Plugins(opened.plugins);
  const reload = config.encryptionProviderConfigAutomaticReload ? [reloading(file, text, storage, plugins, parts)] : [];
  return { storage, services: [plugins.asService(), ...reload], healthChecks: [{ name: "kms-providers", check: () => plugins.requireWell() }] };
}

interface Opened {
  readonly rules: readonly EncryptionRule[];
  readonly plugins: readonly KmsProvider[];
}

/** Throws for a text that is no configuration. */
function openConfiguration(text: string, parts: Parts): Opened {
  const plugins: KmsProvider[] = [];
  const rules = parseEncryptionConfig(text, (settings) => {
    const plugin = new KmsProvider(settings, parts);
    plugins.push(plugin);
    return plugin;
  });
  return { rules, plugins };
}

/** The plugins that the configuration names now. */
class Plugins {
  #all: readonly KmsProvider[];
  #replaced = new AbortController();

  constructor(plugins: readonly KmsProvider[]) {
    this.#all = plugins;
  }

  replace(plugins: readonly KmsProvider[]): void {
    for (const former of this.#all) former.close();
    this.#all = plugins;
    this.#replaced.abort();
  }

  requireWell(): void {
    for (const plugin of this.#all) plugin.requireWell();
  }

  asService(): Service {
    return service("key management plugins", async (signal) => {
      while (!signal.aborted) {
        this.#replaced = new AbortController();
        const either = AbortSignal.any([signal, this.#replaced.signal]);
        await Promise.all([...this.#all.map((plugin) => plugin.run(either)), aborted(either)]);
      }
      for (const plugin of this.#all) plugin.close();
    });
  }
}

/** A file that cannot be used is left alone until it can, and plugins that do not answer too: what held before goes on holding. */
function reloading(file: string, text: string, storage: EncryptedStorage, plugins: Plugins, parts: Parts): Service {
  const { clock, logger } = parts;
  let known = text;
  return service("encryption configuration", async (signal) => {
    while (!signal.aborted) {
      await sleep(clock, RELOAD_MS, signal).catch(() => {}); // the loop ends by itself
      if (signal.aborted) return;
      let opened: Opened | undefined;
      try {
        const next = readFileSync(file, "utf8");
        if (next === known) continue;
        opened = openConfiguration(next, parts);
        await Promise.all(opened.plugins.map((plugin) => plugin.ask()));
        storage.setRules(opened.rules);
        plugins.replace(opened.plugins);
        known = next;
        logger.info("the encryption configuration was read again", { file });
      } catch (error) {
        for (const plugin of opened?.plugins ?? []) plugin.close();
        if (!signal.aborted) logger.warn("the encryption configuration cannot be used, what held before goes on", { file, error: describeError(error) });
      }
    }
  });
}
