import { findCondition, withCondition } from "../../apimachinery/conditions.ts";
import { invalidField, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dns1035LabelError, dnsSubdomainError } from "../../apimachinery/names.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { ALL_METADATA, defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { APIService, APIServiceCondition } from "../types.ts";

const GROUP_PRIORITY_MAX = 20_000;
const VERSION_PRIORITY_MAX = 1_000;
const STATUSES = ["True", "False", "Unknown"];
const LOCAL: APIServiceCondition = { type: "Available", status: "True", reason: "Local", message: "Local APIServices are always available" };

export const apiServiceResource = defineResource<APIService>({
  group: "apiregistration.k8s.io",
  version: "v1",
  resource: "apiservices",
  kind: "APIService",
  namespaced: false,
  categories: ["api-extensions"],
  schema: () => loadSchema("apiregistration.k8s.io/v1/api-service.yaml"),
  subresources: [{ name: "status", keeps: ALL_METADATA }],
  strategy: {
    anyFinalizers: true,
    metadataOnUpdate: "both",
    nameRule: "pathSegment",
    unconditionalUpdate: false,
    prepareForCreate: (service) => ({
      ...service,
      status: service.spec.service === undefined ? { conditions: withCondition(undefined, LOCAL, service.metadata.creationTimestamp ?? "") } : {},
    }),
    validate,
    validateStatusUpdate: ({ status }) =>
      (status?.conditions ?? []).flatMap((condition, index) =>
        STATUSES.includes(condition.status) ? [] : [unsupportedValue(`status.conditions[${index}].status`, condition.status, STATUSES)],
      ),
  },
  columns: [
    nameColumn,
    {
      name: "Service",
      type: "string",
      description: "The Service that answers, or Local for this server itself.",
      cell: ({ spec }) => (spec.service === undefined ? "Local" : `${spec.service.namespace ?? ""}/${spec.service.name ?? ""}`),
    },
    {
      name: "Available",
      type: "string",
      description: "Whether it can be reached.",
      cell: ({ status }) => availability(findCondition(status?.conditions, "Available")),
    },
    ageColumn,
  ],
});

function availability(condition: APIServiceCondition | undefined): string {
  if (condition === undefined) return "Unknown";
  return condition.status === "True" || !condition.reason ? condition.status : `${condition.status} (${condition.reason})`;
}

function validate({ metadata, spec }: APIService): FieldError[] {
  const { group = "", version = "", groupPriorityMinimum, versionPriority, service, caBundle, insecureSkipTLSVerify } = spec;
  const wanted = `${version}.${group}`;
  const groupProblem = group === "" ? undefined : dnsSubdomainError(group);
  const versionProblem = dns1035LabelError(version);
  const errors: FieldError[] = [
    ...(metadata.name === wanted
      ? []
      : [invalidField("metadata.name", metadata.name ?? "", `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`)]),
    ...(group === "" && version !== "v1" ? [requiredField("spec.group", "only v1 may have an empty group and it better be legacy kube")] : []),
    ...(groupProblem === undefined ? [] : [invalidField("spec.group", group, groupProblem)]),
    ...(versionProblem === undefined ? [] : [invalidField("spec.version", version, versionProblem)]),
    ...(groupPriorityMinimum > 0 && groupPriorityMinimum <= GROUP_PRIORITY_MAX
      ? []
      : [invalidField("spec.groupPriorityMinimum", groupPriorityMinimum, "must be positive and less than 20000")]),
    ...(versionPriority > 0 && versionPriority <= VERSION_PRIORITY_MAX
      ? []
      : [invalidField("spec.versionPriority", versionPriority, "must be positive and less than 1000")]),
  ];
  if (service === undefined) {
    if (caBundle) errors.push(invalidField("spec.caBundle", `${Buffer.byteLength(caBundle, "base64")} bytes`, "local APIServices may not have a caBundle"));
    if (insecureSkipTLSVerify === true) errors.push(invalidField("spec.insecureSkipTLSVerify", true, "local APIServices may not have insecureSkipTLSVerify"));
    return errors;
  }
  const { namespace = "", name = "", port = 443 } = service;
  if (namespace === "") errors.push(requiredField("spec.service.namespace"));
  if (name === "") errors.push(requiredField("spec.service.name"));
  if (port < 1 || port > 65_535) errors.push(invalidField("spec.service.port", port, "port is not valid: must be between 1 and 65535, inclusive"));
  if (insecureSkipTLSVerify === true && caBundle) errors.push(invalidField("spec.insecureSkipTLSVerify", true, "may not be true if caBundle is present"));
  return errors;
}
