import { createHash } from "node:crypto";
import type { Clock } from "../lib/clock.ts";
import type { MetricsRegistry } from "../lib/metrics.ts";

/** How changes of a configuration file were taken up, under upstream's names: `apiserver_<what>_config_controller_…`. */
export class ReloadMetrics {
  readonly #clock: Clock;
  readonly #server: string;
  readonly #reloads;
  readonly #last;
  readonly #config;

  /** `server` is this server's name, of which a hash is shown. */
  constructor(registry: MetricsRegistry, clock: Clock, { what, server }: { readonly what: string; readonly server: string }) {
    const prefix = `apiserver_${what}_config_controller_automatic_reload`;
    this.#clock = clock;
    this.#server = hashOf(server);
    this.#reloads = registry.counter(`${prefix}s_total`, "Changes of the file, by whether they could be taken up.");
    this.#last = registry.gauge(`${prefix}_last_timestamp_seconds`, "When the file changed last, by whether that could be taken up.");
    this.#config = registry.gauge(`apiserver_${what}_config_controller_last_config_info`, "What is in force, as a hash of the file.");
  }

  inForce(text: string): void {
    this.#config.clear();
    this.#config.set(1, { apiserver_id_hash: this.#server, hash: hashOf(text) });
  }

  succeeded(text: string): void {
    this.#ended("success");
    this.inForce(text);
  }

  failed(): void {
    this.#ended("failure");
  }

  #ended(status: string): void {
    const labels = { apiserver_id_hash: this.#server, status };
    this.#reloads.add(labels);
    this.#last.set(this.#clock.now() / 1000, labels);
  }
}

function hashOf(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}
