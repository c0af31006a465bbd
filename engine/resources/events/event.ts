import { eventResource } from "../core/event.ts";
import { defineResource, storedForm } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { CoreEvent, EventsV1Event } from "../types.ts";
import { validateContinuation, validateEvent, validateStrictly } from "./event-validation.ts";

/** The same events as those of core/v1, under newer names and with stricter rules for who writes them here. */
export const eventsV1EventResource = defineResource<EventsV1Event>({
  group: "events.k8s.io",
  version: "v1",
  resource: "events",
  kind: "Event",
  namespaced: true,
  shortNames: ["ev"],
  schema: () => loadSchema("events.k8s.io/v1/event.yaml"),
  storedAs: storedForm({ definition: eventResource, fromStored: fromCore, toStored: toCore }),
  strategy: {
    createOnUpdate: true,
    hasNoDependents: true,
    validate: (event) => validateEvent(toCore(event), "reportingController"),
    validateNew: (event) => validateStrictly(toCore(event)),
    validateUpdate: (event, old) => validateContinuation(toCore(event), toCore(old)),
  },
  columns: eventResource.columns.map((column) => ({ ...column, cell: (event: EventsV1Event, now: number) => column.cell(toCore(event), now) })),
  selectableFields: {
    "regarding.kind": ({ regarding }) => regarding?.kind ?? "",
    "regarding.namespace": ({ regarding }) => regarding?.namespace ?? "",
    "regarding.name": ({ regarding }) => regarding?.name ?? "",
    "regarding.uid": ({ regarding }) => regarding?.uid ?? "",
    "regarding.apiVersion": ({ regarding }) => regarding?.apiVersion ?? "",
    "regarding.resourceVersion": ({ regarding }) => regarding?.resourceVersion ?? "",
    "regarding.fieldPath": ({ regarding }) => regarding?.fieldPath ?? "",
    reason: ({ reason }) => reason ?? "",
    reportingController: ({ reportingController }) => reportingController ?? "",
    type: ({ type }) => type ?? "",
  },
});

function fromCore(event: CoreEvent): EventsV1Event {
  const {
    apiVersion: _version,
    metadata,
    kind,
    involvedObject,
    message,
    source,
    firstTimestamp,
    lastTimestamp,
    count,
    reportingComponent,
    series,
    ...same
  } = event;
  return {
    apiVersion: "events.k8s.io/v1",
    kind,
    metadata,
    ...same,
    regarding: involvedObject,
    ...(message === undefined ? {} : { note: message }),
    deprecatedSource: source ?? {},
    ...(firstTimestamp === undefined ? {} : { deprecatedFirstTimestamp: firstTimestamp }),
    ...(lastTimestamp === undefined ? {} : { deprecatedLastTimestamp: lastTimestamp }),
    ...(count === undefined ? {} : { deprecatedCount: count }),
    ...(reportingComponent === undefined ? {} : { reportingController: reportingComponent }),
    // Stored series have both: validated for events that come by here, and the older address lets no time out of a series it counts.
    ...(series === undefined ? {} : { series: { count: series.count ?? 0, lastObservedTime: series.lastObservedTime ?? null } }),
  };
}

function toCore(event: EventsV1Event): CoreEvent {
  const {
    apiVersion: _version,
    metadata,
    kind,
    regarding,
    note,
    deprecatedSource,
    deprecatedFirstTimestamp,
    deprecatedLastTimestamp,
    deprecatedCount,
    reportingController,
    series,
    ...same
  } = event;
  return {
    apiVersion: "v1",
    kind,
    metadata,
    ...same,
    involvedObject: regarding ?? {},
    ...(note === undefined ? {} : { message: note }),
    ...(deprecatedSource === undefined ? {} : { source: deprecatedSource }),
    ...(deprecatedFirstTimestamp === undefined ? {} : { firstTimestamp: deprecatedFirstTimestamp }),
    ...(deprecatedLastTimestamp === undefined ? {} : { lastTimestamp: deprecatedLastTimestamp }),
    ...(deprecatedCount === undefined ? {} : { count: deprecatedCount }),
    ...(reportingController === undefined ? {} : { reportingComponent: reportingController }),
    ...(series === undefined ? {} : { series }),
  };
}
