import { duplicateField, forbiddenField, invalidField, invalidFields, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { withMetadata } from "../../apimachinery/object-copy.ts";
import { qualifiedNameProblems } from "../../apimachinery/names.ts";
import { canonicalQuantity, compareQuantities, parseQuantity } from "../../apimachinery/quantity.ts";
import { ownValue } from "../../lib/own-value.ts";
import { createdColumns } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { LimitRange, LimitRangeItem } from "../types.ts";
import { anyResourceNameErrors, resourceNameErrors } from "../validation/resource-requirements.ts";
import { isHugePages } from "../huge-pages.ts";

export const limitRangeResource = defineResource<LimitRange>({
  group: "",
  version: "v1",
  resource: "limitranges",
  kind: "LimitRange",
  namespaced: true,
  shortNames: ["limits"],
  schema: () => loadSchema("core/v1/limit-range.yaml"),
  strategy: {
    metadataOnUpdate: "new",
    createOnUpdate: true,
    setDefaults: (range) => (range.spec === undefined ? range : { ...range, spec: { ...range.spec, limits: range.spec.limits?.map(withDefaults) ?? null } }),
    // As upstream's: only of this kind, who leaves the name out gets one.
    prepareForCreate: (range) => (range.metadata.name ? range : withMetadata(range, { name: range.metadata.uid })),
    validate: (range) => validateItems(range.spec?.limits ?? []),
  },
  columns: createdColumns,
});

type Amounts = Readonly<Record<string, string>>;

/** Containers without a limit get the largest one, and a request like their limit, or else the smallest there may be. */
function withDefaults(item: LimitRangeItem): LimitRangeItem {
  if (item.type !== "Container") return item;
  const limits: Amounts = { ...item.max, ...item.default };
  const requests: Amounts = { ...item.min, ...limits, ...item.defaultRequest };
  return {
    ...item,
    ...(Object.keys(limits).length === 0 ? {} : { default: limits }),
    ...(Object.keys(requests).length === 0 ? {} : { defaultRequest: requests }),
  };
}

const KINDS = ["Pod", "Container", "PersistentVolumeClaim"];

function validateItems(items: readonly LimitRangeItem[]): FieldError[] {
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const at = `spec.limits[${index}]`;
    const errors = typeErrors(item.type, `${at}.type`);
    if (seen.has(item.type)) errors.push(duplicateField(`${at}.type`, item.type));
    seen.add(item.type);
    return [...errors, ...nameErrors(item, at), ...amountErrors(item, at)];
  });
}

function typeErrors(type: string, at: string): FieldError[] {
  const problems = qualifiedNameProblems(type);
  if (problems.length > 0) return invalidFields(at, type, problems);
  return type.includes("/") || KINDS.includes(type) ? [] : [invalidField(at, type, "must be a standard limit type or fully qualified")];
}

function nameErrors(item: LimitRangeItem, at: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const list of ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] as const) {
    if (item.type === "Pod" && (list === "default" || list === "defaultRequest")) {
      if (Object.keys(item[list] ?? {}).length > 0) errors.push(forbiddenField(`${at}.${list}`, "may not be specified when `type` is 'Pod'"));
      continue;
    }
    for (const name of Object.keys(item[list] ?? {})) {
      const problems = item.type === "Pod" || item.type === "Container" ? resourceNameErrors(name) : anyResourceNameErrors(name);
      errors.push(...problems.map((problem) => invalidField(`${at}.${list}[${name}]`, name, problem)));
    }
  }
  if (item.type === "PersistentVolumeClaim" && item.min?.["storage"] === undefined && item.max?.["storage"] === undefined) {
    errors.push(requiredField(`${at}.limits`, "either minimum or maximum storage value is required, but neither was provided"));
  }
  return errors;
}

/** Kubernetes' own resources may be promised more than once, but for huge pages. */
function isOvercommitAllowed(name: string): boolean {
  return (!name.includes("/") || name.includes("kubernetes.io/")) && !isHugePages(name);
}

/** Smallest, default and largest amounts must be in order. */
function amountErrors(item: LimitRangeItem, at: string): FieldError[] {
  const names = new Set([item.max, item.min, item.default, item.defaultRequest, item.maxLimitRequestRatio].flatMap((list) => Object.keys(list ?? {})));
  const errors: FieldError[] = [];
  for (const name of [...names].sort()) {
    const lists = [item.min, item.max, item.default, item.defaultRequest, item.maxLimitRequestRatio];
    const [min, max, limit, request, ratio] = lists.map((list: Amounts = {}) => ownValue(list, name));
    const isAbove = (left: string | undefined, right: string | undefined) => left !== undefined && right !== undefined && compareQuantities(left, right) > 0;
    const add = (list: string, value: string | undefined, sentence: string) => errors.push(invalidField(`${at}.${list}[${name}]`, value, sentence));
    const text = (amount: string | undefined) => canonicalQuantity(amount ?? "0");
    if (isAbove(min, max)) add("min", min, `min value ${text(min)} is greater than max value ${text(max)}`);
    if (isAbove(min, request)) add("defaultRequest", request, `min value ${text(min)} is greater than default request value ${text(request)}`);
    if (isAbove(request, max)) add("defaultRequest", request, `default request value ${text(request)} is greater than max value ${text(max)}`);
    if (isAbove(request, limit)) add("defaultRequest", request, `default request value ${text(request)} is greater than default limit value ${text(limit)}`);
    if (isAbove(min, limit)) add("default", min, `min value ${text(min)} is greater than default value ${text(limit)}`);
    if (isAbove(limit, max)) add("default", max, `default value ${text(limit)} is greater than max value ${text(max)}`);
    if (!isOvercommitAllowed(name) && limit !== undefined && request !== undefined && compareQuantities(limit, request) !== 0)
      add("defaultRequest", request, `default value ${text(limit)} must equal to defaultRequest value ${text(request)} in ${name}`);
    if (ratio === undefined) continue;
    if (parseQuantity(ratio) < 1) add("maxLimitRequestRatio", ratio, `ratio ${text(ratio)} is less than 1`);
    if (min === undefined || max === undefined || parseQuantity(min) === 0) continue;
    const widest = parseQuantity(max) / parseQuantity(min);
    if (parseQuantity(ratio) > widest) add("maxLimitRequestRatio", ratio, `ratio ${text(ratio)} is greater than max/min = ${widest.toFixed(6)}`);
  }
  return errors;
}
