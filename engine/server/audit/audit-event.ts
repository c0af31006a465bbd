import type { UserInfo } from "../../apimachinery/api-request.ts";
import type { Status } from "../../apimachinery/status-error.ts";
import type { AuditLevel, AuditStage } from "./audit-policy.ts";

/** `audit.k8s.io/v1` Event. */
export interface AuditEvent {
  readonly kind: "Event";
  readonly apiVersion: "audit.k8s.io/v1";
  readonly level: AuditLevel;
  readonly auditID: string;
  readonly stage: AuditStage;
  readonly requestURI: string;
  readonly verb: string;
  readonly user: Partial<UserInfo>;
  readonly impersonatedUser?: UserInfo;
  readonly authenticationMetadata?: { readonly impersonationConstraint: string };
  readonly sourceIPs?: readonly string[];
  readonly userAgent?: string;
  readonly objectRef?: AuditObjectReference;
  readonly responseStatus?: Partial<Status>;
  readonly requestObject?: unknown;
  readonly responseObject?: unknown;
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface AuditObjectReference {
  readonly resource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly apiGroup?: string;
  readonly apiVersion?: string;
  readonly resourceVersion?: string;
  readonly subresource?: string;
}

/** Without managed fields, of an object or of every item of a list. */
export function withoutManagedFields(object: unknown): unknown {
  if (typeof object !== "object" || object === null) return object;
  const { metadata, items } = object as { readonly metadata?: unknown; readonly items?: unknown }; // any JSON object may have them
  const cleaned =
    typeof metadata === "object" && metadata !== null && "managedFields" in metadata
      ? { metadata: Object.fromEntries(Object.entries(metadata).filter(([key]) => key !== "managedFields")) }
      : {};
  return { ...object, ...cleaned, ...(Array.isArray(items) ? { items: items.map(withoutManagedFields) } : {}) };
}

/** Upstream's one-line text of an event. */
export function legacyLine(event: AuditEvent): string {
  const list = (values: readonly string[]) => values.map((value) => JSON.stringify(value)).join(",");
  const quoted: Readonly<Record<string, string>> = {
    id: event.auditID,
    stage: event.stage,
    ip: event.sourceIPs?.[0] ?? "<unknown>",
    method: event.verb,
    user: event.user.username || "<none>",
    groups: (event.user.groups ?? []).length === 0 ? "<none>" : list(event.user.groups ?? []),
    as: event.impersonatedUser?.username ?? "<self>",
    asgroups: event.impersonatedUser === undefined ? "<lookup>" : list(event.impersonatedUser.groups),
    "user-agent": event.userAgent ?? "",
    namespace: event.objectRef?.namespace || "<none>",
    uri: event.requestURI,
    response: event.responseStatus?.code === undefined ? "<deferred>" : String(event.responseStatus.code),
  };
  return `${event.requestReceivedTimestamp} AUDIT: ${Object.entries(quoted)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join(" ")}`;
}
