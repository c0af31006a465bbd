import { escapeMarkup } from "../../lib/escape-markup.ts";
import { ownValue } from "../../lib/own-value.ts";
import type { StatusFacts } from "../status/status-facts.ts";

export type NotificationEvent = "deployed" | "rejected" | "degraded" | "recovered";
export const NOTIFICATION_EVENTS: readonly NotificationEvent[] = ["deployed", "rejected", "degraded", "recovered"];

/** One row of `notifications` in mainstay.yaml. */
export interface NotificationRule {
  readonly name: string;
  readonly type: "slack" | "generic";
  /** `namespace/name` of the Secret with `url`, and for generic receivers `hmac`. */
  readonly secret: string;
  readonly events: readonly string[];
  /** With `${cluster}`, `${event}`, `${application}`, `${commit}`, `${subject}`, `${author}` and `${reason}`. */
  readonly template: string | undefined;
  readonly maxPerHour: number;
}

/** Something that people may want to be told. Names and reasons only, as on the status page. */
export interface Notification {
  readonly event: NotificationEvent;
  readonly cluster: string;
  readonly application: string;
  readonly commit: string;
  readonly subject: string;
  readonly author: string;
  readonly reason: string;
}

const DEFAULT_TEMPLATES: Readonly<Record<NotificationEvent, string>> = {
  deployed: '✅ ${cluster}: ${commit} "${subject}" by ${author} is deployed and healthy (${reason})',
  rejected: '⛔ ${cluster}: ${commit} "${subject}" by ${author} is rejected: ${reason}',
  degraded: "🔴 ${cluster}: ${application} is degraded: ${reason}",
  recovered: "🟢 ${cluster}: ${application} is healthy again",
};

/** What happened between two looks. `alarmed` are applications that were told to be degraded: only those can recover. Pure. */
export function computeNotifications(before: StatusFacts, after: StatusFacts, alarmed: ReadonlySet<string>): readonly Notification[] {
  const { cluster } = after;
  const found: Notification[] = [];
  const old = new Map(before.deploys.map((deploy) => [deploy.commit, deploy]));
  for (const deploy of [...after.deploys].reverse()) {
    const was = old.get(deploy.commit);
    const base = { cluster, application: "", commit: deploy.commit.slice(0, 10), subject: deploy.subject, author: deploy.author };
    if (deploy.result === "rejected" && was?.result !== "rejected") found.push({ ...base, event: "rejected", reason: deploy.problems[0] ?? "" });
    // Nothing to tell of a commit that changed nothing, nor of one that was told before a restart.
    else if (deploy.result !== "rejected" && deploy.healthyMs !== undefined && was?.healthyMs === undefined && deploy.plan.length > 0)
      found.push({ ...base, event: "deployed", reason: `healthy after ${(deploy.healthyMs / 1000).toFixed(1)} s` });
  }
  const health = new Map(before.applications.map((app) => [app.name, app.health]));
  for (const app of after.applications) {
    const base = { cluster, application: app.name, commit: app.commit.slice(0, 10), subject: "", author: "", reason: app.reason };
    if (app.health === "Degraded" && health.get(app.name) !== "Degraded") found.push({ ...base, event: "degraded" });
    else if (app.health === "Healthy" && alarmed.has(app.name)) found.push({ ...base, event: "recovered" });
  }
  return found;
}

/** The text of a notification; names that a template does not know stay as they are. */
export function renderNotification(notification: Notification, template = DEFAULT_TEMPLATES[notification.event]): string {
  const values: Readonly<Record<string, string>> = { ...notification };
  return template.replace(/\$\{([a-z]+)\}/g, (whole, name: string) => ownValue(values, name) ?? whole);
}

/** What is posted. Slack, and everything that takes its incoming webhooks, gives `<`, `>` and `&` a meaning. */
export function notificationBody(type: NotificationRule["type"], notification: Notification, text: string): string {
  if (type === "slack") return JSON.stringify({ text: escapeMarkup(text) });
  return JSON.stringify({ ...notification, text });
}

/** So many in any hour, then none; what is left out is counted, and told with the next one that may go. */
export class HourlyLimit {
  readonly #sentMs: number[] = [];
  #dropped = 0;

  /** How many were left out since the last one, when this one may go; undefined when it may not. */
  admit(max: number, nowMs: number): number | undefined {
    while (this.#sentMs.length > 0 && nowMs - (this.#sentMs[0] ?? 0) >= 3_600_000) this.#sentMs.shift();
    if (this.#sentMs.length >= max) {
      this.#dropped++;
      return undefined;
    }
    this.#sentMs.push(nowMs);
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }
}
