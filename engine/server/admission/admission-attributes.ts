import type { AdmissionAttributes } from "../../admission/admission.ts";
import type { DeleteOptions, WriteOptions } from "../../apimachinery/api-request.ts";
import { namespaceOf, type Exchange } from "../exchange.ts";

type Own = Pick<AdmissionAttributes, "operation" | "name" | "object" | "old"> &
  Partial<Pick<AdmissionAttributes, "kind" | "isOfCollection" | "options" | "subresource">>;

/** The request as admission sees it; the caller says what it knows of the object. */
export function admissionAttributes(exchange: Exchange, own: Own, options: WriteOptions | DeleteOptions): AdmissionAttributes {
  const { request, definition, notes } = exchange;
  const isDryRun = options.dryRun === true;
  return {
    user: request.user,
    definition,
    subresource: request.subresource,
    namespace: namespaceOf(exchange),
    assumedNamespaces: isDryRun && "assumedNamespaces" in options ? options.assumedNamespaces : undefined,
    isDryRun,
    options:
      own.operation === "DELETE" ? deleteOptionsObject(options) : writeOptionsObject(own.operation === "CREATE" ? "CreateOptions" : "UpdateOptions", options),
    notes,
    ...("name" in request && request.name !== undefined ? { addressName: request.name } : {}),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    ...(request.untilMs === undefined ? {} : { untilMs: request.untilMs }),
    ...own,
  };
}

function writeOptionsObject(
  kind: "CreateOptions" | "UpdateOptions",
  { dryRun, fieldManager, fieldValidation }: WriteOptions,
): Readonly<Record<string, unknown>> {
  return {
    kind,
    apiVersion: "meta.k8s.io/v1",
    ...dryRunList(dryRun),
    ...(fieldManager ? { fieldManager } : {}),
    ...(fieldValidation === undefined ? {} : { fieldValidation }),
  };
}

function deleteOptionsObject({ dryRun, gracePeriodSeconds, preconditions, propagationPolicy }: DeleteOptions): Readonly<Record<string, unknown>> {
  return {
    kind: "DeleteOptions",
    apiVersion: "meta.k8s.io/v1",
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(preconditions === undefined ? {} : { preconditions }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...dryRunList(dryRun),
  };
}

function dryRunList(dryRun: boolean | undefined): { readonly dryRun?: readonly string[] } {
  return dryRun === true ? { dryRun: ["All"] } : {};
}
