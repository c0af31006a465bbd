import type { ApiRequest } from "../../apimachinery/api-request.ts";
import { RequestNotes } from "../../apimachinery/request-notes.ts";
import type { Random } from "../../lib/random.ts";
import type { AuditRecord, Auditor } from "./auditor.ts";

const METHODS: Readonly<Record<ApiRequest["verb"], string>> = {
  get: "",
  list: "",
  watch: "?watch=true",
  create: "",
  update: "",
  patch: "",
  delete: "",
  deletecollection: "",
};

/** Begins the record of a request that came from inside this process; undefined when none is kept. */
export function beginLocalRecord(auditor: Auditor | undefined, request: ApiRequest, random: Random): AuditRecord | undefined {
  if (auditor === undefined || request.isRecorded === true) return undefined;
  const {
    resource: { group, version, resource },
    subresource = "",
    namespace = "",
    user,
    userAgent,
    verb,
  } = request;
  const name = "name" in request ? (request.name ?? "") : "";
  const path = [
    group === "" ? `/api/${version}` : `/apis/${group}/${version}`,
    ...(namespace === "" ? [] : ["namespaces", namespace]),
    resource,
    ...(name === "" ? [] : [name]),
    ...(subresource === "" ? [] : [subresource]),
  ].join("/");
  return auditor.begin({
    auditId: random.uuid(),
    requestUri: `${path}${METHODS[verb]}`,
    path,
    verb,
    user,
    resource: { group, version, resource, subresource, namespace: group === "" && resource === "namespaces" ? name : namespace, name },
    sourceIps: ["127.0.0.1"],
    userAgent,
    isLongRunning: verb === "watch",
    notes: request.notes ?? new RequestNotes(),
  });
}
