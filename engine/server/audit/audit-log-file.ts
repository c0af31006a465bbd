import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { Clock } from "../../lib/clock.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import type { Counter, MetricsRegistry } from "../../lib/metrics.ts";
import { legacyLine, type AuditEvent } from "./audit-event.ts";
import type { AuditBackend } from "./auditor.ts";

export interface AuditLogOptions {
  /** `-` is standard output. */
  readonly file: string;
  readonly format: "json" | "legacy";
  /** Rotated when it has reached this size; never when 0. */
  readonly megabytesMax: number;
  /** Old files are removed after so many days; not by age when 0. */
  readonly daysMax: number;
  /** How many old files stay; all when 0. */
  readonly backupsMax: number;
  readonly isCompressed: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
}

/** Events that wait to be written; more are dropped and counted, for a disk that hangs must not fill the memory. */
const WAITING_MAX = 50_000;
/** What is written at once, but for an event that is longer alone: those of lists have all objects in them. */
const PART_CHARS_MAX = 1 << 20;
const DAY_MS = 86_400_000;

/**
 * A file that gets a line for every event. Lines are written in their order, as many at a time as wait; a file that is full is moved
 * aside under a name that says when, as upstream names it.
 */
export class AuditLogFile implements AuditBackend {
  readonly name = "log";
  readonly #options: AuditLogOptions;
  readonly #failures: Counter;
  #waiting: { readonly event: AuditEvent; readonly written: () => void; readonly failed: (error: unknown) => void }[] = [];
  #writing: Promise<void> | undefined;
  #handle: FileHandle | undefined;
  #size = 0;

  constructor(options: AuditLogOptions) {
    this.#options = options;
    this.#failures = options.metrics.counter("apiserver_audit_error_total", "Audit events that a backend could not keep.");
  }

  async deliver(events: readonly AuditEvent[]): Promise<void> {
    await Promise.all(events.map((event) => this.#write(event)));
  }

  #write(event: AuditEvent): Promise<void> {
    if (this.#waiting.length >= WAITING_MAX) {
      this.#failures.add({ plugin: this.name });
      return Promise.reject(new Error("too many audit events wait for their file"));
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ event, written: resolve, failed: reject });
    this.#writing ??= this.#drain().finally(() => (this.#writing = undefined));
    return promise;
  }

  async close(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    await this.#handle?.close();
    this.#handle = undefined;
  }

  /** Throws when the file cannot be opened, so that a server without its record does not start. */
  async open(): Promise<void> {
    if (this.#options.file === "-") return;
    await mkdir(path.dirname(this.#options.file), { recursive: true, mode: 0o700 });
    this.#handle = await open(this.#options.file, "a", 0o600);
    this.#size = (await this.#handle.stat()).size;
  }

  async #drain(): Promise<void> {
    // Let what happens in one go be written in one go.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const taken = this.#waiting;
      this.#waiting = [];
      try {
        await this.#append(taken.map(({ event }) => event));
        for (const { written } of taken) written();
      } catch (error) {
        this.#failures.add({ plugin: this.name }, taken.length);
        this.#options.logger.error("audit events could not be written", { file: this.#options.file, count: taken.length, error: describeError(error) });
        for (const { failed } of taken) failed(error);
      }
    }
  }

  async #append(events: readonly AuditEvent[]): Promise<void> {
    const { file, format, megabytesMax } = this.#options;
    const bytesMax = file === "-" ? 0 : megabytesMax * 1024 * 1024;
    let text = "";
    for (const event of events) {
      const line = `${format === "json" ? JSON.stringify(event) : legacyLine(event)}\n`;
      const isFull = bytesMax > 0 && this.#size + text.length > 0 && this.#size + text.length + line.length > bytesMax;
      if (isFull || text.length + line.length > PART_CHARS_MAX) {
        await this.#put(text);
        text = "";
      }
      if (isFull) await this.#rotate();
      text += line;
    }
    await this.#put(text);
  }

  async #put(text: string): Promise<void> {
    if (text === "") return;
    if (this.#options.file === "-") return void process.stdout.write(text);
    if (this.#handle === undefined) await this.open();
    await this.#handle?.appendFile(text);
    this.#size += Buffer.byteLength(text);
  }

  async #rotate(): Promise<void> {
    const { file, clock, isCompressed } = this.#options;
    await this.#handle?.close();
    this.#handle = undefined;
    const { dir, name, ext } = path.parse(file);
    const stamp = new Date(clock.now()).toISOString().replaceAll(":", "-").replace("Z", "");
    let backup = path.join(dir, `${name}-${stamp}${ext}`);
    for (let serial = 1; await isThere(backup); serial++) backup = path.join(dir, `${name}-${stamp}-${serial}${ext}`);
    await rename(file, backup);
    await this.open();
    if (isCompressed) {
      await pipeline(createReadStream(backup), createGzip(), createWriteStream(`${backup}.gz`, { mode: 0o600 }));
      await rm(backup);
    }
    await this.#removeOld();
  }

  async #removeOld(): Promise<void> {
    const { file, daysMax, backupsMax, clock } = this.#options;
    const { dir, name, ext } = path.parse(file);
    const backups = (await readdir(dir))
      .filter((entry) => entry.startsWith(`${name}-2`) && (entry.endsWith(ext) || entry.endsWith(`${ext}.gz`)))
      .sort()
      .reverse();
    for (const [index, backup] of backups.entries()) {
      const full = path.join(dir, backup);
      const isTooMany = backupsMax > 0 && index >= backupsMax;
      const isTooOld = daysMax > 0 && clock.now() - (await stat(full)).mtimeMs > daysMax * DAY_MS;
      if (isTooMany || isTooOld) await rm(full, { force: true });
    }
  }
}

async function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () =>
      stat(`${file}.gz`).then(
        () => true,
        () => false,
      ),
  );
}
