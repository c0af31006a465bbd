import { createHmac } from "node:crypto";
import { hasReason } from "../../apimachinery/status-error.ts";
import type { Client } from "../../client/client.ts";
import { isAbort } from "../../lib/abort.ts";
import { backoffMs } from "../../lib/backoff.ts";
import { Bell } from "../../lib/bell.ts";
import { sleep, type Clock } from "../../lib/clock.ts";
import { exchangeHttp } from "../../lib/net/http-exchange.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import { secretResource } from "../../resources/core/secret.ts";
import type { StatusFacts } from "../status/status-facts.ts";
import { computeNotifications, HourlyLimit, notificationBody, renderNotification, type Notification, type NotificationRule } from "./notifications.ts";

const GATHER_MS = 500;
const TIMEOUT_MS = 15_000;
/** Nobody reads what a receiver answers. */
const ANSWER_BYTES_MAX = 16 << 20;
const TRIES_MAX = 4;
const RETRY = { initialMs: 1_000, maxMs: 30_000 };
/** Waiting to be sent; a receiver that is away for long misses some. */
const QUEUE_MAX = 200;

export interface NotifierOptions {
  readonly client: Client;
  readonly facts: () => StatusFacts;
  readonly rules: () => readonly NotificationRule[];
  /** Whether the facts are worth telling: at a start, nothing is known for a moment. */
  readonly isInformed: () => boolean;
  readonly subscribe: (listener: () => void) => () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Tells people where they are: posts what happens to the receivers of mainstay.yaml, each thing once, in order, not too much of it. */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #alarmed = new Set<string>();
  readonly #limits = new Map<string, HourlyLimit>();
  readonly #sinceMs: number;
  readonly #queue: Notification[] = [];
  #before: StatusFacts | undefined;
  readonly #bell: Bell;

  constructor(options: NotifierOptions) {
    this.#options = options;
    this.#bell = new Bell(options.clock);
    // Deploys are dated in whole seconds.
    this.#sinceMs = Math.floor(options.clock.now() / 1000) * 1000;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { subscribe, clock } = this.#options;
    const unsubscribe = subscribe(() => this.#bell.ring());
    try {
      while (!signal.aborted) {
        await this.#bell.wait(Infinity, signal);
        await sleep(clock, GATHER_MS, signal);
        this.#bell.take();
        this.#look();
        for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
          await this.#tell(next, signal);
          // Sending may take long; what happened meanwhile is seen in its order.
          this.#look();
        }
      }
    } catch (error) {
      if (!isAbort(error)) throw error;
    } finally {
      unsubscribe();
    }
  }

  #look(): void {
    const { facts, isInformed, rules } = this.#options;
    if (!isInformed() || rules().length === 0) return void (this.#before = undefined);
    const now = facts();
    // What was so before this process began is no news; commits that came since are, also when they brought the first receivers.
    const before = this.#before ?? { ...now, deploys: now.deploys.filter((deploy) => Date.parse(deploy.time) < this.#sinceMs) };
    for (const notification of computeNotifications(before, now, this.#alarmed)) {
      if (notification.event === "degraded") this.#alarmed.add(notification.application);
      if (notification.event === "recovered") this.#alarmed.delete(notification.application);
      if (this.#queue.length < QUEUE_MAX) this.#queue.push(notification);
    }
    this.#before = now;
  }

  async #tell(notification: Notification, signal: AbortSignal): Promise<void> {
    const { rules, clock, logger } = this.#options;
    for (const rule of rules().filter(({ events }) => events.includes(notification.event))) {
      const limit = this.#limits.get(rule.name) ?? new HourlyLimit();
      this.#limits.set(rule.name, limit);
      const dropped = limit.admit(rule.maxPerHour, clock.monotonic());
      if (dropped === undefined) continue;
      const text = `${renderNotification(notification, rule.template)}${dropped === 0 ? "" : ` (${dropped} before were left out: at most ${rule.maxPerHour} in an hour)`}`;
      for (let tries = 1; ; tries++) {
        try {
          await this.#post(rule, notificationBody(rule.type, notification, text), signal);
          break;
        } catch (error) {
          if (signal.aborted) return;
          logger.warn("notification not sent", { name: rule.name, event: notification.event, willRetry: tries < TRIES_MAX, error: describeError(error) });
          if (tries >= TRIES_MAX) break;
          await sleep(clock, backoffMs(RETRY, tries), signal);
        }
      }
    }
  }

  async #post({ secret, type }: NotificationRule, body: string, signal: AbortSignal): Promise<void> {
    const { url, hmac } = await this.#receiver(secret);
    const signature: Readonly<Record<string, string>> =
      hmac === undefined || type === "slack" ? {} : { "x-signature": `sha256=${createHmac("sha256", hmac).update(body).digest("hex")}` };
    const { status } = await exchangeHttp(url, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", "user-agent": "mainstay", ...signature },
      bytesMax: ANSWER_BYTES_MAX,
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    }).catch((error: unknown) => {
      // The address is a secret, and errors quote it.
      const code = isAbort(error) ? undefined : (error as NodeJS.ErrnoException).code;
      throw new Error(`the receiver was not reached (${code ?? "no answer"})`);
    });
    if (status < 200 || status > 299) throw new Error(`the receiver answered ${status}`);
  }

  async #receiver(secret: string): Promise<{ readonly url: string; readonly hmac: string | undefined }> {
    const [namespace = "", name = ""] = secret.split("/");
    const found = await this.#options.client
      .for(secretResource)
      .get(namespace, name)
      .catch((error: unknown) => {
        if (hasReason(error, "NotFound")) throw new Error(`there is no Secret ${secret}`);
        throw error;
      });
    const read = (key: string) => (found.data?.[key] === undefined ? undefined : Buffer.from(found.data[key], "base64").toString("utf8").trim());
    const url = read("url");
    if (url === undefined || !URL.canParse(url)) throw new Error(`Secret ${secret} has no key url with an address`);
    return { url, hmac: read("hmac") };
  }
}
