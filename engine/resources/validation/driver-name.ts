import { invalidFields, requiredField, tooLong, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsSubdomainProblems } from "../../apimachinery/names.ts";

const LENGTH_MAX = 63;

/** A CSI driver's name: a short DNS subdomain in which letter case does not matter. */
export function driverNameErrors(name: string, at: string): FieldError[] {
  if (name === "") return [requiredField(at)];
  return [...(name.length > LENGTH_MAX ? [tooLong(at, LENGTH_MAX)] : []), ...invalidFields(at, name, dnsSubdomainProblems(name.toLowerCase()))];
}
