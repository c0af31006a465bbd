import { readdirSync } from "node:fs";
import type { Clock } from "./clock.ts";
import type { MetricsRegistry } from "./metrics.ts";

/** What the process itself uses, under the names that every Prometheus client gives it. */
export function meterProcess(registry: MetricsRegistry, clock: Clock): void {
  const startSeconds = clock.now() / 1000 - process.uptime();
  const processor = registry.counter("process_cpu_seconds_total", "Time on processors, in seconds.");
  let countedSeconds = 0;
  registry.beforeRender(() => {
    const { user, system } = process.cpuUsage();
    processor.add({}, (user + system) / 1e6 - countedSeconds);
    countedSeconds = (user + system) / 1e6;
  });
  const gauges: readonly (readonly [string, string, () => number])[] = [
    ["process_resident_memory_bytes", "Memory that is in use.", () => process.memoryUsage.rss()],
    ["process_start_time_seconds", "When the process began, in seconds since the Unix epoch.", () => startSeconds],
    ["process_open_fds", "Files and connections that are open.", openFiles],
    ["nodejs_heap_size_used_bytes", "Memory of JavaScript objects.", () => process.memoryUsage().heapUsed],
  ];
  for (const [name, help, read] of gauges) {
    const gauge = registry.gauge(name, help);
    registry.beforeRender(() => gauge.set(read()));
  }
}

function openFiles(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return 0; // not on this system
  }
}
