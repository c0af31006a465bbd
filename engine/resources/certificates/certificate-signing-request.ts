import {
  duplicateField,
  forbiddenField,
  invalidField,
  invalidFields,
  requiredField,
  tooLong,
  unsupportedValue,
  type FieldError,
} from "../../apimachinery/field-error.ts";
import { pemBlocks } from "../../lib/pem.ts";
import { dnsLabelProblems, dnsSubdomainProblems } from "../../apimachinery/names.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { repeatsOf } from "../../lib/repeats.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { humanDuration } from "../human-duration.ts";
import { loadSchema } from "../load-schema.ts";
import type { CertificateSigningRequest, CertificateSigningRequestCondition } from "../types.ts";

const EXPIRATION_SECONDS_MIN = 600;
const LEGACY_SIGNER = "kubernetes.io/legacy-unknown";

/** Bounds on the two parts of a signer's name. */
const DOMAIN_LENGTH_MAX = 253;
const PATH_LENGTH_MAX = 571;

/** What a certificate's key may be used for, by the names of the API. */
const USAGES = [
  "any",
  "cert sign",
  "client auth",
  "code signing",
  "content commitment",
  "crl sign",
  "data encipherment",
  "decipher only",
  "digital signature",
  "email protection",
  "encipher only",
  "ipsec end system",
  "ipsec tunnel",
  "ipsec user",
  "key agreement",
  "key encipherment",
  "microsoft sgc",
  "netscape sgc",
  "ocsp signing",
  "s/mime",
  "server auth",
  "signing",
  "timestamping",
];

export const certificateSigningRequestResource = defineResource<CertificateSigningRequest>({
  group: "certificates.k8s.io",
  version: "v1",
  resource: "certificatesigningrequests",
  kind: "CertificateSigningRequest",
  namespaced: false,
  shortNames: ["csr"],
  schema: () => loadSchema("certificates.k8s.io/v1/certificate-signing-request.yaml"),
  strategy: {
    metadataOnUpdate: "both",
    nameRule: "pathSegment",
    // What is asked for is asked once, so nobody is said to own it; the two decisions are made at addresses of their own.
    unownable: { "": [["spec"], ["status"]], status: [["spec"], ["status", "conditions"]], approval: [["spec"], ["status", "certificate"]] },
    // Nobody creates a request that is approved already.
    prepareForCreate: ({ status: _status, ...request }) => ({ ...request, status: {} }),
    prepareForUpdate: (request, old) => ({ ...request, spec: old.spec, ...(old.status === undefined ? {} : { status: old.status }) }),
    validate: validateRequest,
    validateNew: validateNewRequest,
    validateStatusUpdate: (request, old) => [...validateConditions(request, old, ["Approved", "Denied"]), ...validateCertificate(request, old)],
    withTimes: withConditionTimes,
    // Who signs says nothing about approval, and the other way round.
    prepareForStatusUpdate: (request, old) => ({
      ...request,
      status: { ...withoutConditions(request.status), ...someConditions(withConditionsOf(request, old, ["Approved", "Denied"])) },
    }),
  },
  subresources: [
    { name: "status" },
    {
      name: "approval",
      part: {
        // Whoever decides may say more about it in annotations, as upstream lets him.
        scope: (request, old) => ({
          ...old,
          metadata: request.metadata,
          status: { ...withoutConditions(old.status), ...someConditions(request.status?.conditions) },
        }),
        validate: (request, old) => validateConditions(request, old, []),
      },
    },
  ],
  columns: [
    nameColumn,
    ageColumn,
    { name: "SignerName", type: "string", description: "Who shall sign.", cell: ({ spec }) => spec.signerName },
    { name: "Requestor", type: "string", description: "Who asks.", cell: ({ spec }) => spec.username ?? "" },
    {
      name: "RequestedDuration",
      type: "string",
      description: "How long the certificate should be valid.",
      cell: ({ spec }) => (spec.expirationSeconds === undefined ? "<none>" : humanDuration(spec.expirationSeconds * 1000)),
    },
    { name: "Condition", type: "string", description: "What was decided.", cell: conditionText },
  ],
  selectableFields: { "spec.signerName": ({ spec }) => spec.signerName },
});

const withoutConditions = ({ conditions: _replaced, ...status }: NonNullable<CertificateSigningRequest["status"]> = {}) => status;

const someConditions = (conditions: readonly CertificateSigningRequestCondition[] = []) => (conditions.length === 0 ? {} : { conditions: [...conditions] });

function conditionText({ status = {} }: CertificateSigningRequest): string {
  const types = (status.conditions ?? []).map(({ type }) => type);
  const decided = types.includes("Denied") ? "Denied" : types.includes("Approved") ? "Approved" : "Pending";
  return [decided, ...(types.includes("Failed") ? ["Failed"] : []), ...(status.certificate ? ["Issued"] : [])].join(",");
}

function validateRequest({ spec }: CertificateSigningRequest): readonly FieldError[] {
  const errors: FieldError[] = [];
  const usages = spec.usages ?? [];
  if (usages.length === 0) errors.push(requiredField("spec.usages"));
  const repeats = repeatsOf(usages);
  const errorsOf = (wrong: (usage: string, index: number) => boolean, error: (at: string, usage: string) => FieldError) =>
    usages.flatMap((usage, index) => (wrong(usage, index) ? [error(`spec.usages[${index}]`, usage)] : []));
  errors.push(
    ...errorsOf(
      (usage) => !USAGES.includes(usage),
      (at, usage) => unsupportedValue(at, usage, USAGES),
    ),
  );
  errors.push(...errorsOf((_usage, index) => repeats[index] === true, duplicateField));
  errors.push(...validateSignerName(spec.signerName, "spec.signerName"));
  if (spec.expirationSeconds !== undefined && spec.expirationSeconds < EXPIRATION_SECONDS_MIN)
    errors.push(invalidField("spec.expirationSeconds", spec.expirationSeconds, "may not specify a duration less than 600 seconds (10 minutes)"));
  return errors;
}

/** It was for requests of a version that is gone; those that have it keep it. */
function validateNewRequest({ spec }: CertificateSigningRequest): readonly FieldError[] {
  return spec.signerName === LEGACY_SIGNER
    ? [invalidField("spec.signerName", spec.signerName, "the legacy signerName is not allowed via this API version")]
    : [];
}

/** A domain with at least two parts, and one path segment after it. Of each the first bad part is told. */
export function validateSignerName(name: string, field: string): FieldError[] {
  if (name === "") return [requiredField(field)];
  const [domain = "", path, ...more] = name.split("/");
  if (path === undefined || more.length > 0)
    return [invalidField(field, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")];
  return [
    ...(domain.length > DOMAIN_LENGTH_MAX ? [tooLong(field, DOMAIN_LENGTH_MAX)] : []),
    ...partErrors(domain, field, dnsLabelProblems),
    ...(domain.includes(".") ? [] : [invalidField(field, domain, "should be a domain with at least two segments separated by dots")]),
    ...partErrors(path, field, dnsSubdomainProblems),
    ...(path.length > PATH_LENGTH_MAX ? [tooLong(field, PATH_LENGTH_MAX)] : []),
  ];
}

function partErrors(text: string, field: string, problemsOf: (part: string) => readonly string[]): FieldError[] {
  const bad = text.split(".").find((part) => problemsOf(part).length > 0);
  return bad === undefined
    ? []
    : invalidFields(
        field,
        text,
        problemsOf(bad).map((problem) => `validating label ${JSON.stringify(bad)}: ${problem}`),
      );
}

/** Decisions are never taken back by saying that they are not so. */
function conditionStatusErrors({ type, status }: CertificateSigningRequestCondition, path: string): FieldError[] {
  if (status === "") return [requiredField(path)];
  const allowed = ["Approved", "Denied", "Failed"].includes(type) ? ["True"] : ["False", "True", "Unknown"];
  return allowed.includes(status) ? [] : [unsupportedValue(path, status, allowed)];
}

/** Decisions are for good. `foreign` are the types that this address may not touch. */
function validateConditions(
  { status = {} }: CertificateSigningRequest,
  { status: oldStatus = {} }: CertificateSigningRequest,
  foreign: readonly string[],
): FieldError[] {
  const field = "status.conditions";
  const conditions = status.conditions ?? [];
  const repeats = repeatsOf(conditions, ({ type }) => type);
  const errors = conditions.flatMap((condition, index) => [
    ...(condition.type === "" ? [requiredField(`${field}[${index}].type`)] : []),
    ...conditionStatusErrors(condition, `${field}[${index}].status`),
    ...(repeats[index] === true ? [duplicateField(`${field}[${index}].type`, condition.type)] : []),
  ]);
  const decisions = conditions.filter(({ type }) => type === "Approved" || type === "Denied");
  const second = decisions.find(({ type }) => type !== decisions[0]?.type);
  if (second !== undefined) errors.push(invalidField(field, second.type, "Approved and Denied conditions are mutually exclusive"));
  for (const type of ["Approved", "Denied", "Failed"]) {
    const before = oldStatus.conditions?.find((condition) => condition.type === type);
    const after = conditions.find((condition) => condition.type === type);
    if (before !== undefined && after === undefined) errors.push(forbiddenField(field, `updates may not remove a condition of type ${JSON.stringify(type)}`));
    if (before === undefined && after !== undefined && foreign.includes(type))
      errors.push(forbiddenField(field, `updates may not add a condition of type ${JSON.stringify(type)}`));
    if (before !== undefined && after !== undefined && foreign.includes(type) && !jsonEqual(before, after))
      errors.push(forbiddenField(field, `updates may not modify a condition of type ${JSON.stringify(type)}`));
  }
  return errors;
}

function validateCertificate({ status = {} }: CertificateSigningRequest, { status: old = {} }: CertificateSigningRequest): FieldError[] {
  const { certificate = "" } = status;
  if (old.certificate && certificate !== old.certificate) return [forbiddenField("status.certificate", "updates may not modify existing certificate content")];
  if (certificate === "") return [];
  const problem = certificateProblem(Buffer.from(certificate, "base64").toString("latin1"));
  return problem === undefined ? [] : [invalidField("status.certificate", "<certificate data>", problem)];
}

function certificateProblem(pem: string): string | undefined {
  const blocks = pemBlocks(pem);
  for (const { type, content } of blocks) {
    if (type !== "CERTIFICATE") return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(type)}`;
    if (content.includes(":")) return "no PEM block headers are permitted";
  }
  return blocks.length === 0 ? "must contain at least one CERTIFICATE PEM block" : undefined;
}

/** Conditions without times are new: they have changed now, unless one of the same type and status was there. */
function withConditionTimes(request: CertificateSigningRequest, { status: old = {} }: CertificateSigningRequest, nowText: string): CertificateSigningRequest {
  const { conditions = [] } = request.status ?? {};
  if (conditions.every(({ lastUpdateTime, lastTransitionTime }) => lastUpdateTime && lastTransitionTime)) return request;
  const stamped = conditions.map((condition) => {
    const before = old.conditions?.find(({ type, status }) => type === condition.type && status === condition.status);
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime || nowText,
      lastTransitionTime: condition.lastTransitionTime || before?.lastTransitionTime || nowText,
    };
  });
  return { ...request, status: { ...request.status, conditions: stamped } };
}

/** The written conditions, those of `kept` types as they were. */
function withConditionsOf(
  { status = {} }: CertificateSigningRequest,
  { status: old = {} }: CertificateSigningRequest,
  kept: readonly string[],
): readonly CertificateSigningRequestCondition[] {
  const written = (status.conditions ?? []).filter(({ type }) => !kept.includes(type));
  return [...(old.conditions ?? []).filter(({ type }) => kept.includes(type)), ...written];
}
