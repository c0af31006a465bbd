import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { decodingProblem } from "../../apimachinery/decoding-problem.ts";
import type { Schema } from "../../apimachinery/schema.ts";
import type { Status } from "../../apimachinery/status-error.ts";
import { loadSchema } from "../../resources/load-schema.ts";
import { admissionRequest, type MatchedRequest } from "../expressions/admission-request.ts";

const GROUP = "admission.k8s.io";
const KNOWN_VERSIONS = ["v1", "v1beta1"] as const;
export type ReviewVersion = (typeof KNOWN_VERSIONS)[number];

/** A webhook's answer after all checks, whichever version it spoke. */
export interface Verdict {
  readonly allowed: boolean;
  readonly status: Partial<Status> | undefined;
  readonly warnings: readonly string[];
  readonly auditAnnotations: Readonly<Record<string, string>>;
  /** The answered patch as text; empty when nothing is to be changed. */
  readonly patch: string;
  readonly patchType: string;
}

/** The first version of the webhook's that this server knows. */
export function chooseReviewVersion(versions: readonly string[]): ReviewVersion | undefined {
  for (const version of versions) for (const known of KNOWN_VERSIONS) if (version === known) return known;
  return undefined;
}

/** What is posted to a webhook. */
export function admissionReview(
  version: ReviewVersion,
  uid: string,
  request: MatchedRequest,
  objects: { readonly object: KubeObject | undefined; readonly old: KubeObject | undefined },
): object {
  const { dryRun, options, ...about } = admissionRequest(request);
  return {
    kind: "AdmissionReview",
    apiVersion: `${GROUP}/${version}`,
    request: { uid, ...about, object: objects.object ?? null, oldObject: objects.old ?? null, dryRun, options },
  };
}

/** What Go's types of a review cannot hold of a webhook's answer, in the words of upstream's decoder; undefined where all fits. */
export function reviewProblem(version: ReviewVersion, answer: unknown): string | undefined {
  return decodingProblem(reviewSchema(), answer, version);
}

function reviewSchema(): Schema {
  const text: Schema = { type: "string" };
  const response: Schema = {
    type: "object",
    title: "AdmissionResponse",
    properties: {
      uid: text,
      allowed: { type: "boolean" },
      status: loadSchema("meta/v1/meta.yaml", "Status"),
      patch: { type: "string", format: "byte" },
      patchType: text,
      auditAnnotations: { type: "object", additionalProperties: text },
      warnings: { type: "array", items: text },
    },
  };
  return { type: "object", title: "AdmissionReview", properties: { kind: text, apiVersion: text, response } };
}

/** Reads a webhook's answer, all of whose fields are of the right type. Throws an Error that says, in upstream's words, why it is none. */
export function readVerdict(version: ReviewVersion, uid: string, isMutating: boolean, answer: unknown): Verdict {
  const review = recordOf(answer);
  const response = recordOf(review?.["response"]);
  if (response === undefined) throw new Error("webhook response was absent");
  const patch = typeof response["patch"] === "string" ? Buffer.from(response["patch"], "base64").toString("utf8") : "";
  const patchType = typeof response["patchType"] === "string" ? response["patchType"] : undefined;
  if (version === "v1") {
    checkIdentity(uid, review ?? {}, response);
    checkPatch(isMutating, patch, patchType);
  }
  return {
    allowed: response["allowed"] === true,
    status: recordOf(response["status"]),
    warnings: Array.isArray(response["warnings"]) ? response["warnings"].filter((item): item is string => typeof item === "string") : [],
    auditAnnotations: Object.fromEntries(
      Object.entries(recordOf(response["auditAnnotations"]) ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
    ),
    // The older version may leave the type out, and only ever had the one.
    patch: isMutating ? patch : "",
    patchType: patchType ?? (version === "v1beta1" ? "JSONPatch" : ""),
  };
}

function checkIdentity(uid: string, review: Readonly<Record<string, unknown>>, response: Readonly<Record<string, unknown>>): void {
  const given = typeof response["uid"] === "string" ? response["uid"] : "";
  if (given !== uid) throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(given)}`);
  const { apiVersion = "", kind = "" } = review;
  if (apiVersion !== `${GROUP}/v1` || kind !== "AdmissionReview")
    throw new Error(`expected webhook response of ${GROUP}/v1, Kind=AdmissionReview, got ${String(apiVersion)}, Kind=${String(kind)}`);
}

function checkPatch(isMutating: boolean, patch: string, patchType: string | undefined): void {
  if (!isMutating) {
    if (patch !== "") throw new Error("validating webhook may not return response.patch");
    if (patchType !== undefined) throw new Error("validating webhook may not return response.patchType");
    return;
  }
  if (patch !== "" && patchType === undefined) throw new Error("webhook returned response.patch but not response.patchType");
  if (patch === "" && patchType !== undefined) throw new Error("webhook returned response.patchType but not response.patch");
  if (patchType === "") throw new Error('webhook returned invalid response.patchType of ""');
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : undefined; // a JSON object
}
