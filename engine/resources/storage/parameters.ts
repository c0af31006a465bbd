import { invalidField, requiredField, tooLong, type FieldError } from "../../apimachinery/field-error.ts";
import { qualifiedNameError } from "../../apimachinery/names.ts";

const PARAMETERS_MAX = 512;
const PARAMETER_BYTES_MAX = 256 * 1024;

/** Settings for a provisioner or driver: few enough to be stored with every class. */
export function parameterErrors(parameters: Readonly<Record<string, string>> = {}, at: string): FieldError[] {
  const entries = Object.entries(parameters);
  if (entries.length > PARAMETERS_MAX) return [tooLong(at, PARAMETERS_MAX)];
  const errors = entries.some(([key]) => key === "") ? [invalidField(at, "", "field can not be empty.")] : [];
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  return bytes > PARAMETER_BYTES_MAX ? [...errors, tooLong(at, PARAMETER_BYTES_MAX)] : errors;
}

/** The name of whoever makes volumes; letter case does not matter. */
export function provisionerErrors(name: string, at: string): FieldError[] {
  if (name === "") return [requiredField(at, name)];
  const problem = qualifiedNameError(name.toLowerCase());
  return problem === undefined ? [] : [invalidField(at, name, problem)];
}
