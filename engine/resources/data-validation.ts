import { forbiddenField, invalidField, invalidFields, tooLong, type FieldError } from "../apimachinery/field-error.ts";
import { jsonEqual } from "../lib/freeze.ts";

/** A ConfigMap's or Secret's content may be this large, all keys together. */
const DATA_BYTES_MAX = 1 << 20;
const KEY_LENGTH_MAX = 253;

/** Rules for the keys and the total size of ConfigMaps and Secrets. `encoded` values are base64. */
export function validateData(
  plain: Readonly<Record<string, string>> | undefined,
  encoded: Readonly<Record<string, string>> | undefined,
  plainField = "data",
  encodedField = "binaryData",
): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [field, data, size] of [
    [plainField, plain, (value: string) => Buffer.byteLength(value)],
    [encodedField, encoded, (value: string) => Buffer.byteLength(value, "base64")],
  ] as const) {
    for (const [key, value] of Object.entries(data ?? {})) {
      errors.push(...invalidFields(`${field}[${key}]`, key, dataKeyProblems(key)));
      if (field === plainField && encoded?.[key] !== undefined)
        errors.push(invalidField(`${field}[${key}]`, key, `duplicate of key present in ${encodedField}`));
      bytes += size(value);
    }
  }
  if (bytes > DATA_BYTES_MAX) errors.push(tooLong("", DATA_BYTES_MAX));
  return errors;
}

interface Immutable {
  readonly immutable?: boolean;
}

/** Once immutable, neither the data nor the mark may change. */
export function validateImmutable<T extends Immutable>(object: T, old: T, fields: readonly (keyof T & string)[]): FieldError[] {
  if (old.immutable !== true) return [];
  const errors = object.immutable === true ? [] : [forbiddenField("immutable", "field is immutable when `immutable` is set")];
  for (const field of fields) if (!jsonEqual(object[field], old[field])) errors.push(forbiddenField(field, "field is immutable when `immutable` is set"));
  return errors;
}

/** Why a text cannot be a key of a ConfigMap or Secret, in upstream's words. */
export function dataKeyProblems(key: string): string[] {
  const problems = key.length > KEY_LENGTH_MAX ? [`must be no more than ${KEY_LENGTH_MAX} characters`] : [];
  if (!/^[-._a-zA-Z0-9]+$/.test(key))
    problems.push(
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    );
  if (key === "." || key === "..") problems.push(`must not be '${key}'`);
  else if (key.startsWith("..")) problems.push("must not start with '..'");
  return problems;
}
