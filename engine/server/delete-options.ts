import type { DeleteOptions, PropagationPolicy } from "../apimachinery/api-request.ts";
import { invalid, invalidField, unsupportedValue, type FieldError } from "../apimachinery/field-error.ts";
import { badRequest } from "../apimachinery/status-error.ts";
import { conform } from "../apimachinery/structural-schema.ts";
import type { DeleteOptionsBody } from "../registry/eviction.ts";
import { loadSchema } from "../resources/load-schema.ts";

export const deleteOptionsSchema = loadSchema("meta/v1/meta.yaml", "DeleteOptions");

const POLICIES: readonly string[] = ["Foreground", "Background", "Orphan"];

/** DeleteOptions out of a body, or of the query where there is no body: as upstream, one of the two. Throws 400 for a wrong shape, 422 for wrong values. */
export function parseDeleteOptions(body: unknown, query: URLSearchParams | undefined): DeleteOptions {
  const { value, errors } = conform(deleteOptionsSchema, body ?? {}, { defaults: false, prune: true });
  if (errors.length > 0)
    throw badRequest(
      `DeleteOptions in version "v1" cannot be handled as a DeleteOptions: ${errors.map((error) => `${error.field}: ${error.message}`).join(", ")}`,
    );
  const given = body === undefined ? fromQuery(query) : (value as DeleteOptionsBody); // conforms to the schema
  const problems: FieldError[] = [];
  const policy = given.propagationPolicy;
  if (policy !== undefined && !POLICIES.includes(policy)) problems.push(unsupportedValue("propagationPolicy", policy, [...POLICIES, "nil"]));
  if (policy !== undefined && given.orphanDependents !== undefined)
    problems.push(invalidField("propagationPolicy", policy, "orphanDependents and deletionPropagation cannot be both set"));
  problems.push(...dryRunErrors(given.dryRun));
  if (problems.length > 0) throw invalid("meta.k8s.io", "DeleteOptions", "", problems);
  // orphanDependents is the older form of the policy.
  const older = given.orphanDependents === undefined ? undefined : given.orphanDependents ? "Orphan" : "Background";
  const chosen = (policy ?? older) as PropagationPolicy | undefined; // checked above
  return {
    ...((given.dryRun ?? []).length > 0 ? { dryRun: true } : {}),
    ...(given.gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: given.gracePeriodSeconds < 0 ? 1 : given.gracePeriodSeconds }),
    ...(chosen === undefined ? {} : { propagationPolicy: chosen }),
    ...(given.orphanDependents === false ? { asksForCascade: true as const } : {}),
    ...(given.preconditions === undefined ? {} : { preconditions: given.preconditions }),
  };
}

/** What is wrong with a list of dry run directives. */
export function dryRunErrors(values: readonly string[] | undefined): FieldError[] {
  return (values ?? []).length === 0 || (values ?? []).every((value) => value === "All") ? [] : [unsupportedValue("dryRun", values, ["All"])];
}

function fromQuery(query: URLSearchParams | undefined): DeleteOptionsBody {
  if (query === undefined) return {};
  const grace = query.get("gracePeriodSeconds");
  const uid = query.get("uid") || undefined;
  const resourceVersion = query.get("resourceVersion") || undefined;
  const policy = query.get("propagationPolicy");
  const orphan = query.get("orphanDependents");
  if (grace !== null && !/^[+-]?\d+$/.test(grace)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(grace)}: invalid syntax`);
  return {
    ...(grace === null ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(policy === null ? {} : { propagationPolicy: policy }),
    ...(orphan === null ? {} : { orphanDependents: orphan !== "false" && orphan !== "0" }),
    ...(query.has("dryRun") ? { dryRun: query.getAll("dryRun") } : {}),
    ...(uid === undefined && resourceVersion === undefined
      ? {}
      : { preconditions: { ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) } }),
  };
}
