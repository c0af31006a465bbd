import { invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { keyPairProblem } from "../../apimachinery/key-pair.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { validateData, validateImmutable } from "../data-validation.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { Secret } from "../types.ts";
import { ACCOUNT_NAME_ANNOTATION, ACCOUNT_TOKEN_TYPE } from "./token-secrets.ts";

export const secretResource = defineResource<Secret>({
  group: "",
  version: "v1",
  resource: "secrets",
  kind: "Secret",
  namespaced: true,
  schema: () => loadSchema("core/v1/secret.yaml"),
  strategy: {
    metadataOnUpdate: "both",
    setDefaults: (secret) => {
      if (secret.stringData === undefined) return secret;
      // Plain text is accepted on the way in, and only ever kept and returned encoded.
      const { stringData, ...rest } = secret;
      const encoded = Object.fromEntries(Object.entries(stringData).map(([key, value]) => [key, Buffer.from(value).toString("base64")]));
      return { ...rest, data: { ...secret.data, ...encoded } };
    },
    warnings: ({ type, data }) => (type === "kubernetes.io/tls" ? certificateWarnings(data ?? {}) : []),
    validateNew: validateSecret,
    validateUpdate: (secret, old) => [
      ...(secret.type === old.type ? [] : [invalidField("type", secret.type, "field is immutable")]),
      ...validateImmutable(secret, old, ["data"]),
      ...validateSecret(secret),
    ],
  },
  columns: [
    nameColumn,
    { name: "Type", type: "string", description: "What the content is for.", cell: (secret) => secret.type ?? "" },
    { name: "Data", type: "string", description: "Number of keys.", cell: (secret) => Object.keys(secret.data ?? {}).length },
    ageColumn,
  ],
  selectableFields: { type: (secret) => secret.type ?? "" },
});

function certificateWarnings(data: NonNullable<Secret["data"]>): readonly string[] {
  const text = (key: string) => Buffer.from(data[key] ?? "", "base64").toString("latin1");
  const problem = keyPairProblem(text("tls.crt"), text("tls.key"));
  return problem === undefined ? [] : [problem];
}

/** Keys that a Secret of a known type must have, because its readers count on them. */
const REQUIRED_KEYS: ReadonlyMap<string, readonly string[]> = new Map([
  ["kubernetes.io/tls", ["tls.crt", "tls.key"]],
  ["kubernetes.io/ssh-auth", ["ssh-privatekey"]],
  ["kubernetes.io/dockercfg", [".dockercfg"]],
  ["kubernetes.io/dockerconfigjson", [".dockerconfigjson"]],
]);

function validateSecret(secret: Secret): FieldError[] {
  return [...validateData(undefined, secret.data, "stringData", "data"), ...validateType(secret)];
}

function validateType({ type = "", data = {}, metadata }: Secret): FieldError[] {
  if (type === ACCOUNT_TOKEN_TYPE) {
    return metadata.annotations?.[ACCOUNT_NAME_ANNOTATION] ? [] : [requiredField(`metadata.annotations[${ACCOUNT_NAME_ANNOTATION}]`)];
  }
  if (type === "kubernetes.io/basic-auth") {
    return data["username"] === undefined && data["password"] === undefined ? [requiredField("data[username]"), requiredField("data[password]")] : [];
  }
  const keys = REQUIRED_KEYS.get(type) ?? [];
  const missing = keys.filter((key) => data[key] === undefined || (type === "kubernetes.io/ssh-auth" && data[key] === ""));
  const isJson = type === "kubernetes.io/dockercfg" || type === "kubernetes.io/dockerconfigjson";
  const broken = isJson ? keys.filter((key) => data[key] !== undefined && !isJsonText(data[key])) : [];
  return [
    ...missing.map((key) => requiredField(`data[${key}]`)),
    ...broken.map((key) => invalidField(`data[${key}]`, "<secret contents redacted>", "must be JSON")),
  ];
}

function isJsonText(base64: string): boolean {
  try {
    JSON.parse(Buffer.from(base64, "base64").toString("utf8"));
    return true;
  } catch {
    return false; // what it says instead is none of a message's business
  }
}
