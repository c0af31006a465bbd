import { nameColumn } from "../columns.ts";
import { defineResource, type Column } from "../define-resource.ts";
import { ageSince } from "../human-duration.ts";
import { loadSchema } from "../load-schema.ts";
import { validateEvent } from "../events/event-validation.ts";
import type { CoreEvent } from "../types.ts";

const firstSeen = (event: CoreEvent) => event.firstTimestamp || event.eventTime || undefined;
const lastSeen = (event: CoreEvent) => (event.series === undefined ? event.lastTimestamp || firstSeen(event) : event.series.lastObservedTime || undefined);

function sourceText({ source, reportingComponent, reportingInstance }: CoreEvent): string {
  const from = source?.host || reportingInstance || "";
  return `${source?.component || reportingComponent || ""}${from === "" ? "" : `, ${from}`}`;
}

const column = (name: string, description: string, cell: Column<CoreEvent>["cell"], priority: 0 | 1 = 0): Column<CoreEvent> => ({
  name,
  type: "string",
  description,
  priority,
  cell,
});

export const eventResource = defineResource<CoreEvent>({
  group: "",
  version: "v1",
  resource: "events",
  kind: "Event",
  namespaced: true,
  shortNames: ["ev"],
  schema: () => loadSchema("core/v1/event.yaml"),
  strategy: {
    metadataOnUpdate: "none",
    anyFinalizers: true,
    createOnUpdate: true,
    hasNoDependents: true,
    nameRule: "pathSegment",
    validate: (event) => validateEvent(event, "reportingComponent"),
  },
  columns: [
    column("Last Seen", "Time since it happened last.", (event, now) => ageSince(lastSeen(event), now)),
    column("Type", "Normal or Warning.", (event) => event.type ?? ""),
    column("Reason", "One word, for programs.", (event) => event.reason ?? ""),
    column("Object", "The object it is about.", ({ involvedObject: { kind = "", name } }) => `${kind.toLowerCase()}${name ? `/${name}` : ""}`),
    column("Subobject", "Part of the object it is about.", (event) => event.involvedObject.fieldPath ?? "", 1),
    column("Source", "Who reported it, and from where.", sourceText, 1),
    column("Message", "A sentence, for people.", (event) => (event.message ?? "").trim()),
    column("First Seen", "Time since it happened first.", (event, now) => ageSince(firstSeen(event), now), 1),
    column("Count", "How often it happened.", ({ series, count }) => (series === undefined ? count || 1 : (series.count ?? 0)), 1),
    { ...nameColumn, priority: 1 },
  ],
  selectableFields: {
    "involvedObject.kind": (event) => event.involvedObject.kind ?? "",
    "involvedObject.namespace": (event) => event.involvedObject.namespace ?? "",
    "involvedObject.name": (event) => event.involvedObject.name ?? "",
    "involvedObject.uid": (event) => event.involvedObject.uid ?? "",
    "involvedObject.apiVersion": (event) => event.involvedObject.apiVersion ?? "",
    "involvedObject.resourceVersion": (event) => event.involvedObject.resourceVersion ?? "",
    "involvedObject.fieldPath": (event) => event.involvedObject.fieldPath ?? "",
    reason: (event) => event.reason ?? "",
    reportingComponent: (event) => event.reportingComponent ?? "",
    source: (event) => event.source?.component ?? event.reportingComponent ?? "",
    type: (event) => event.type ?? "",
  },
});
